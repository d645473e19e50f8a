"""Log fields about the model and the prediction of a request."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy.typing as npt

from tflite_serving.catalog.loaded_model import LoadedModel
from tflite_serving.runtime.postprocess import confidence


@dataclass(slots=True, eq=False)
class ModelLog:
    """The model of one request, and what became known of the request.

    Attributes:
        loaded: Model that the request is about.
        instances: Number of instances, once they are counted.
        scores: Scores of `LoadedModel.judged`, [batch, classes], once they are predicted.
    """

    loaded: LoadedModel
    instances: int = 0
    scores: npt.NDArray[Any] | None = None

    def add_to(self, entry: dict[str, Any]) -> None:
        """Adds its fields to the entry of a log line."""
        entry["logging.googleapis.com/labels"] = self.loaded.labels
        entry["instances"] = self.instances
        judged = self.loaded.judged
        if self.scores is not None and judged is not None:
            # How sure the model is: when its inputs drift, this does, too.
            entry["confidence"] = confidence(self.scores, judged.task)
