"""aiohttp_post.py URL SIZE COUNT: POSTs bodies one after the other; prints the statuses as JSON."""

from __future__ import annotations

import asyncio
import json
import sys

import aiohttp  # type: ignore[import-not-found]  # see requirements.txt beside this file


async def main(url: str, size: int, count: int) -> None:
    """POSTs, and prints 0 for a response that did not arrive."""
    body, statuses = b" " * size, []
    headers = {"Content-Type": "application/octet-stream"}
    async with aiohttp.ClientSession(headers=headers) as session:
        for _ in range(count):
            try:
                async with session.post(url, data=body) as response:
                    await response.read()
                    statuses.append(response.status)
            except aiohttp.ClientError:
                statuses.append(0)
    sys.stdout.write(json.dumps(statuses))


asyncio.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
