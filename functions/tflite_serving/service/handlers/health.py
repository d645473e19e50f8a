"""Handlers of the liveness and readiness routes."""

from __future__ import annotations

from concurrent.futures import Future
from functools import partial
from typing import Any

from tflite_serving.http.messages import Reply
from tflite_serving.service.handlers.handler import Handler, Respond
from tflite_serving.service.request_context import RequestContext


class Live(Handler):
    """Reports that the process lives."""

    def loads(self, context: RequestContext) -> list[Future[Any]]:
        """None."""
        return []

    def at_once(self, context: RequestContext, size: int) -> Respond:
        """Always."""
        return partial(self.respond, context)

    def respond(self, context: RequestContext, body: bytes) -> Reply:
        """``{"live": true}``."""
        return Reply(b'{"live":true}')


class Ready(Handler):
    """Reports that every model is loaded; until then it waits, and fails if a load fails."""

    def loads(self, context: RequestContext) -> list[Future[Any]]:
        """Those of all models that are not loaded."""
        return [entry.start() for entry in context.catalog.entries if entry.current is None]

    def at_once(self, context: RequestContext, size: int) -> Respond | None:
        """If every model is loaded."""
        if all(entry.current is not None for entry in context.catalog.entries):
            return partial(self.respond, context)
        return None

    def respond(self, context: RequestContext, body: bytes) -> Reply:
        """``{"ready": true}``."""
        for entry in context.catalog.entries:
            context.timings.add(entry.get(context.seconds_left).take_load_ms())
        return Reply(b'{"ready":true}')
