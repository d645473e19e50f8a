"""BentoML with a LiteRT model. MODEL is the path of the flatbuffer."""

from __future__ import annotations

import os
from typing import Any

import bentoml
from litert_classifier import Classifier, predictions


@bentoml.service(
    workers=1,
    logging={"access": {"enabled": False}},
    metrics={"enabled": False},
    monitoring={"enabled": False},
)
class TFLiteService:
    """``{"instances": […]}`` to predictions."""

    def __init__(self) -> None:
        self.classifier = Classifier(os.environ["MODEL"])

    @bentoml.api(route="/predict")
    def predict(self, instances: list[Any]) -> dict[str, Any]:
        """The answer; BentoML runs it in a thread beside its event loop."""
        return {"predictions": predictions(self.classifier.scores(instances))}
