"""MLServer with a LiteRT model. MODEL is the path of the flatbuffer."""

from __future__ import annotations

import os

from litert_classifier import Classifier
from mlserver import MLModel
from mlserver.codecs import NumpyCodec
from mlserver.types import InferenceRequest, InferenceResponse


class TFLiteModel(MLModel):
    """Open Inference Protocol: a tensor to a tensor of scores."""

    async def load(self) -> bool:
        """Loads the model."""
        self.classifier = Classifier(os.environ["MODEL"])
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        """The scores, [batch, classes]."""
        instances = NumpyCodec.decode_input(payload.inputs[0])
        scores = self.classifier.scores(instances)
        return InferenceResponse(
            model_name=self.name, outputs=[NumpyCodec.encode_output("scores", scores)]
        )
