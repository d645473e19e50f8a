"""Finds the loaded model of a request in the catalog."""

from __future__ import annotations

from concurrent.futures import Future
from typing import Any

from tflite_serving.catalog.loaded_model import LoadedModel
from tflite_serving.service.model_log import ModelLog
from tflite_serving.service.request_context import RequestContext


def peek(context: RequestContext) -> LoadedModel | None:
    """The model, if it is loaded; None where `find` would wait or refuse."""
    match = context.match
    return context.catalog.peek(match.name, match.version, match.alias)


def find(context: RequestContext) -> LoadedModel:
    """The model; waits for its load.

    Raises:
        NotFound, ModelUnavailable, DeadlineExceeded: see `Catalog.find`.
    """
    match = context.match
    return context.catalog.find(match.name, match.version, match.alias, context.seconds_left)


def loads(context: RequestContext) -> list[Future[Any]]:
    """The loads that `find` would wait for, started if need be."""
    match = context.match
    return context.catalog.loads(match.name, match.version, match.alias)


def noted(context: RequestContext, loaded: LoadedModel) -> ModelLog:
    """The log of a request about a model; the first one of a model has the stages of its load."""
    log = context.log = ModelLog(loaded)
    if loaded.is_new:
        context.timings.add(loaded.take_load_ms())
    return log
