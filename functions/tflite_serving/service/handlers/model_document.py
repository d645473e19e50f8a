"""Handler of the routes that describe one model, such as its status and metadata."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from typing import Any

import orjson

from tflite_serving.catalog.loaded_model import LoadedModel
from tflite_serving.contract.manifest import Manifest
from tflite_serving.http.messages import Reply
from tflite_serving.service.handlers.handler import Handler, Respond
from tflite_serving.service.handlers.models import find, loads, noted, peek
from tflite_serving.service.request_context import RequestContext


class ModelDocument(Handler):
    """Describes a model, once it is loaded.

    Args:
        describe: Makes the document from the manifest of the version that is served.
    """

    def __init__(self, describe: Callable[[Manifest], dict[str, object]]) -> None:
        self._describe = describe

    def loads(self, context: RequestContext) -> list[Future[Any]]:
        """That of the model."""
        return loads(context)

    def at_once(self, context: RequestContext, size: int) -> Respond | None:
        """If the model is loaded."""
        loaded = peek(context)
        return None if loaded is None else partial(self._respond, context, loaded)

    def respond(self, context: RequestContext, body: bytes) -> Reply:
        """The document, as JSON."""
        return self._respond(context, find(context), body)

    def _respond(self, context: RequestContext, loaded: LoadedModel, body: bytes) -> Reply:
        noted(context, loaded)
        return Reply(orjson.dumps(self._describe(loaded.manifest)))
