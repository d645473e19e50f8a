"""What each route does, once a request has been taken on."""

from __future__ import annotations

import time
from concurrent.futures import Future
from typing import Any

import orjson

from tflite_serving.catalog.catalog import Catalog
from tflite_serving.catalog.loaded_model import LoadedModel
from tflite_serving.dialects.dialect import Dialect
from tflite_serving.dialects.simple import SimpleDialect
from tflite_serving.dialects.tensorflow_serving import (
    TensorFlowServingDialect,
    metadata_document,
    status_document,
)
from tflite_serving.errors import DeadlineExceeded
from tflite_serving.http.routing import ROUTES, Action
from tflite_serving.runtime.length_buckets import merge_outputs
from tflite_serving.service.prediction import Prediction
from tflite_serving.service.request_context import RequestContext
from tflite_serving.settings import ModelRef

DIALECTS: dict[Action, Dialect] = {
    Action.PREDICT_SIMPLE: SimpleDialect(),
    Action.PREDICT_TENSORFLOW_SERVING: TensorFlowServingDialect(),
}


def act(task: RequestContext, body: bytes, catalog: Catalog, max_batch: int) -> bytes:
    """Does what the route is for.

    Args:
        task: the request; gets `served` and `instances`.
        body: of the request.
        catalog: the models.
        max_batch: most instances in one request.

    Returns:
        the body of the answer, JSON.

    Raises:
        ServingError: whatever is wrong.
    """
    if time.monotonic() >= task.deadline:
        raise DeadlineExceeded("deadline_exceeded", "the request waited too long; try again")
    if task.dialect is not None:
        prediction = read(task, body, catalog, max_batch)
        answers = [
            prediction.model.run(group.inputs, task.timings, task.seconds_left)
            for group in prediction.groups
        ]
        return prediction.write(merge_outputs(prediction.groups, answers))
    match task.match.action:
        case Action.INDEX:
            return orjson.dumps(_index(catalog))
        case Action.LIVE:
            return orjson.dumps({"live": True})
        case Action.READY:
            for entry in catalog.entries:
                task.timings.add(entry.get(task.seconds_left).take_load_ms())
            return orjson.dumps({"ready": True})
        case Action.STATUS:
            return orjson.dumps(status_document(_find(task, catalog).manifest.version))
        case Action.METADATA:
            return orjson.dumps(metadata_document(_find(task, catalog).manifest))
        case action:
            raise AssertionError(f"{action} has a dialect")


def read(task: RequestContext, body: bytes, catalog: Catalog, max_batch: int) -> Prediction:
    """Reads what a prediction is asked about: the first half of `act`, which takes the same."""
    assert task.dialect is not None
    return Prediction.read(task, task.dialect, body, _find(task, catalog), max_batch)


def loads(task: RequestContext, catalog: Catalog) -> list[Future[Any]]:
    """The loads that `act` would wait for, started if need be."""
    match task.match.action:
        case Action.INDEX | Action.LIVE:
            return []
        case Action.READY:
            return [entry.start() for entry in catalog.entries if entry.current is None]
        case _:
            return catalog.loads(task.match.name, task.match.version, task.match.alias)


def is_quick(task: RequestContext, size: int, catalog: Catalog) -> bool:
    """Whether `act` is done so soon that an event loop may wait for it.

    A small model is: handing it to a thread and back would take longer than running it.

    Args:
        task: the request.
        size: of its body, in bytes.
        catalog: the models.
    """
    if task.dialect is not None:
        served = task.served = _peek(task, catalog)
        return served is not None and size < served.quick_bytes and served.model.is_idle
    match task.match.action:
        case Action.INDEX | Action.LIVE:
            return True
        case Action.READY:
            return all(entry.current is not None for entry in catalog.entries)
        case _:
            return _peek(task, catalog) is not None


def is_quickly_read(task: RequestContext, size: int, catalog: Catalog) -> bool:
    """Whether `read` is done so soon that an event loop may wait for it.

    Args:
        task: the request, of a prediction.
        size: of its body, in bytes.
        catalog: the models.
    """
    served = task.served = _peek(task, catalog)
    return served is not None and size < served.quickly_read_bytes


def _peek(task: RequestContext, catalog: Catalog) -> LoadedModel | None:
    return catalog.peek(task.match.name, task.match.version, task.match.alias)


def _find(task: RequestContext, catalog: Catalog) -> LoadedModel:
    match, served = task.match, task.served
    if served is None:
        served = catalog.find(match.name, match.version, match.alias, task.seconds_left)
        task.served = served
    if served.is_new:
        task.timings.add(served.take_load_ms())
    return served


def _index(catalog: Catalog) -> dict[str, Any]:
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
    routes = [f"{route.method} {route.template}" for route in ROUTES]
    return {"models": models, "routes": routes, **catalog.built_from}


def _selector(ref: ModelRef) -> str:
    return f"/labels/{ref.alias}" if ref.version is None else f"/versions/{ref.version}"
