"""Handler of the prediction routes, in the dialect of each."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from typing import Any

from tflite_serving.catalog.loaded_model import LoadedModel
from tflite_serving.dialects.dialect import Dialect
from tflite_serving.http.messages import Reply
from tflite_serving.service.handlers.handler import Handler, Respond
from tflite_serving.service.handlers.models import find, loads, noted, peek
from tflite_serving.service.prediction import Prediction
from tflite_serving.service.request_context import RequestContext


class Predict(Handler):
    """Predicts what a body asks for.

    Args:
        dialect: Wire protocol of the route.
    """

    dialect: Dialect

    def __init__(self, dialect: Dialect) -> None:
        self.dialect = dialect

    def loads(self, context: RequestContext) -> list[Future[Any]]:
        """That of the model."""
        return loads(context)

    def at_once(self, context: RequestContext, size: int) -> Respond | None:
        """If the model is loaded, idle and small: a thread would take longer than running it."""
        match = context.match
        loaded = context.catalog.peek(match.name, match.version, match.alias)
        if loaded is None or size >= loaded.quick_bytes or not loaded.pool.is_idle:
            return None
        return partial(self._respond, context, loaded)

    def for_a_batch(
        self, context: RequestContext, size: int
    ) -> Callable[[bytes], Prediction] | None:
        """If the model is loaded, and its body read soon."""
        loaded = peek(context)
        if loaded is None or size >= loaded.quickly_read_bytes:
            return None
        return partial(self._read, context, loaded)

    def respond(self, context: RequestContext, body: bytes) -> Reply:
        """The prediction."""
        return self._respond(context, find(context), body)

    def _respond(self, context: RequestContext, loaded: LoadedModel, body: bytes) -> Reply:
        return Prediction.read(context, self.dialect, noted(context, loaded), body).run()

    def _read(self, context: RequestContext, loaded: LoadedModel, body: bytes) -> Prediction:
        return Prediction.read(context, self.dialect, noted(context, loaded), body)
