"""LitServe with a LiteRT model. MODEL is the path of the flatbuffer, PORT where to listen."""

# LitServe makes FastAPI's validation out of annotations. Its own examples have none, and so its
# faster way: the body as `json.loads` gives it.
# mypy: disallow-untyped-defs=False
# ruff: noqa: ANN001, ANN201

import os

import litserve
import numpy as np
from litert_classifier import Classifier, predictions


class TFLiteAPI(litserve.LitAPI):
    """``{"instances": […]}`` to predictions."""

    def setup(self, device):
        """Loads the model, in the worker process."""
        self.classifier = Classifier(os.environ["MODEL"])

    def decode_request(self, request):
        """The instances as an array."""
        return np.array(request["instances"], dtype=np.float32)

    def predict(self, x):
        """The scores."""
        return self.classifier.scores(x)

    def encode_response(self, output):
        """The answer."""
        return {"predictions": predictions(output)}


if __name__ == "__main__":
    # fast_queue is what LitServe advises above 100 requests/s.
    server = litserve.LitServer(
        TFLiteAPI(), accelerator="cpu", devices=1, workers_per_device=1, fast_queue=True
    )
    server.run(
        host="127.0.0.1",
        port=int(os.environ["PORT"]),
        num_api_servers=1,
        log_level="error",
        generate_client_file=False,
        access_log=False,
    )
