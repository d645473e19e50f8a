"""Handler of ``GET /``, which lists the models, their routes and the build."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from functools import partial
from typing import Any

import orjson

from tflite_serving.catalog.catalog import Catalog
from tflite_serving.http.messages import Reply
from tflite_serving.http.routing import Route
from tflite_serving.service.handlers.handler import Handler, Respond
from tflite_serving.service.request_context import RequestContext
from tflite_serving.settings import ModelRef


class Index(Handler):
    """Lists what there is.

    Args:
        routes: Gives all routes.
    """

    def __init__(self, routes: Callable[[], Sequence[Route[Handler]]]) -> None:
        self._routes = routes

    def loads(self, context: RequestContext) -> list[Future[Any]]:
        """None: it lists models that are not loaded, too."""
        return []

    def at_once(self, context: RequestContext, size: int) -> Respond:
        """Always."""
        return partial(self.respond, context)

    def respond(self, context: RequestContext, body: bytes) -> Reply:
        """The list, as JSON."""
        routes = [f"{route.method} {route.template}" for route in self._routes()]
        catalog = context.catalog
        document = {"models": _models(catalog), "routes": routes, **catalog.built_from}
        return Reply(orjson.dumps(document))


def _models(catalog: Catalog) -> list[dict[str, Any]]:
    models: list[dict[str, Any]] = []
    names: set[str] = set()
    for entry in catalog.entries:
        ref, current = entry.ref, entry.current
        # A name alone means the first entry that has it; the others are told apart.
        which = "" if ref.name not in names else _selector(ref)
        names.add(ref.name)
        models.append(
            {
                "name": ref.name,
                "alias": ref.alias,
                "version": current.manifest.version if current else ref.version,
                "loaded": current is not None,
                "links": {
                    "predict": f"/models/{ref.name}{which}/predict",
                    "tensorflow_serving": f"/v1/models/{ref.name}{which}:predict",
                    "metadata": f"/v1/models/{ref.name}{which}/metadata",
                },
            }
        )
    return models


def _selector(ref: ModelRef) -> str:
    return f"/labels/{ref.alias}" if ref.version is None else f"/versions/{ref.version}"
