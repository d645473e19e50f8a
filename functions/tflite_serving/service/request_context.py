"""Context of one HTTP request, for its handler."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tflite_serving.catalog.catalog import Catalog
from tflite_serving.http.messages import RequestHead
from tflite_serving.http.routing import Match
from tflite_serving.service.model_log import ModelLog
from tflite_serving.telemetry import Timings

if TYPE_CHECKING:
    from tflite_serving.service.handlers.handler import Handler


@dataclass(slots=True, eq=False)
class RequestContext:
    """One request, with what its handler needs.

    Attributes:
        head: The request before its body.
        match: Route of the request.
        catalog: The models that the function serves.
        max_batch: Most instances in one request.
        timings: Stages of the request, in milliseconds.
        deadline: When the response is due, by `time.monotonic`, in seconds.
        log: Of requests about a model, what their log line has; None of others.
    """

    head: RequestHead
    match: Match[Handler]
    catalog: Catalog
    max_batch: int
    timings: Timings
    deadline: float
    log: ModelLog | None = None

    @property
    def seconds_left(self) -> float:
        """Seconds until the deadline; never negative."""
        left = self.deadline - time.monotonic()
        return left if left > 0 else 0.0
