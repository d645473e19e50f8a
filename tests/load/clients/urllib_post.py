"""urllib_post.py URL SIZE COUNT: POSTs bodies one after the other; prints the statuses as JSON."""

from __future__ import annotations

import json
import sys
import urllib.error
import urllib.request


def main(url: str, size: int, count: int) -> None:
    """POSTs, and prints 0 for a response that did not arrive."""
    body, statuses = b" " * size, []
    headers = {"Content-Type": "application/octet-stream"}
    for _ in range(count):
        request = urllib.request.Request(url, body, headers)  # noqa: S310  # http, of a test
        try:
            with urllib.request.urlopen(request) as response:  # noqa: S310
                response.read()
                statuses.append(response.status)
        except urllib.error.HTTPError as error:
            try:
                error.read()
                statuses.append(error.code)
            except OSError:
                statuses.append(0)
            error.close()
        except OSError:
            statuses.append(0)
    sys.stdout.write(json.dumps(statuses))


main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
