"""Gunicorn hooks for serving with Flask: graceful shutdown, and no protocol upgrades."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gunicorn.config import PostWorkerInit, PreRequest  # type: ignore[import-untyped]

from tflite_serving.servers import stopping


def set_up(give_up: Callable[[], object]) -> None:
    """Sets the hooks of the workers that this process starts.

    Args:
        give_up: is called in each worker some seconds after SIGTERM; see `stopping.watch`.
    """
    PostWorkerInit.default = staticmethod(lambda _worker: stopping.watch(give_up))
    PreRequest.default = staticmethod(_ignore_offers)


def _ignore_offers(_worker: object, request: Any) -> None:
    # Flask refuses an offer of WebSocket with a page of HTML. RFC 9110, section 7.8: a server may
    # ignore what it is offered.
    request.headers = [header for header in request.headers if header[0] != "UPGRADE"]
