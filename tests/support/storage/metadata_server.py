"""A real HTTP server that gives tokens as Google Cloud's metadata server does."""

from __future__ import annotations

import contextlib
import itertools
import json
from collections.abc import Iterator

from tests.support.storage.troubled_server import (
    Answer,
    Handler,
    TroubledServer,
    status,
    troubled_server,
    wants,
)

PATH = "GET /computeMetadata/v1/instance/service-accounts/default/token"


def token_answer(token: str, seconds: float = 3600) -> Answer:
    """A token, for those who know how the metadata server is asked."""
    document = {"access_token": token, "expires_in": seconds, "token_type": "Bearer"}
    answer = status(200, json.dumps(document).encode(), {"Metadata-Flavor": "Google"})
    return wants({"Metadata-Flavor": "Google"}, answer, status(403))


@contextlib.contextmanager
def metadata_server(seconds: float = 3600) -> Iterator[TroubledServer]:
    """Gives token-1, token-2 and so on, each good for `seconds`."""
    numbers = itertools.count(1)

    def answer(handler: Handler) -> None:
        token_answer(f"token-{next(numbers)}", seconds)(handler)

    with troubled_server(answer) as server:
        yield server
