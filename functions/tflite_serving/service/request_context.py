"""A request that was taken on, and what is known of it so far."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy.typing as npt

from tflite_serving.catalog.loaded_model import LoadedModel
from tflite_serving.dialects.dialect import Dialect
from tflite_serving.http.messages import RequestHead
from tflite_serving.http.routing import Match
from tflite_serving.telemetry import Timings


@dataclass(slots=True)
class RequestContext:
    """One request, and what it came to so far.

    Attributes:
        head: the request.
        match: its route.
        dialect: that it speaks; None if it asks for no prediction.
        timings: get the stages.
        deadline: when its answer is due, by `time.monotonic`.
        served: the model that answers, once it is known.
        instances: how many it was asked about, once they are counted.
        scores: of `LoadedModel.judged`, [batch, classes], once there is an answer.
        headers: that its answer has beside those that every one has.
    """

    head: RequestHead
    match: Match
    dialect: Dialect | None
    timings: Timings
    deadline: float
    served: LoadedModel | None = None
    instances: int = 0
    scores: npt.NDArray[Any] | None = None
    headers: Mapping[str, str] | None = None

    @property
    def seconds_left(self) -> float:
        """Until the deadline; never negative."""
        left = self.deadline - time.monotonic()
        return left if left > 0 else 0.0
