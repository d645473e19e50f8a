"""What is asked of a server, and which answer is right."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from benchmarks.serving.models import Model

Protocol = Literal["instances", "open_inference", "echo", "swallow"]
Encoding = Literal["json", "npy"]
_CONTENT_TYPES: dict[Encoding, str] = {"json": "application/json", "npy": "application/x-npy"}
_PATHS: dict[Protocol, str] = {
    "instances": "/predict",
    "open_inference": "/v2/models/model/infer",
    "echo": "/predict",
    "swallow": "/predict",
}


@dataclass(frozen=True, slots=True)
class Question:
    """A POST request with its right answer.

    Attributes:
        protocol: which the answer is read by.
        path: of the URL.
        content_type: of the body.
        body: what is sent.
        label: the class that must come back; an echo must return the body instead.
    """

    protocol: Protocol
    path: str
    content_type: str
    body: bytes
    label: str

    def is_right(self, answer: bytes) -> bool:
        """Whether an answer with status 200 says what the Keras model says."""
        if self.protocol == "echo":
            return answer == self.body
        if self.protocol == "swallow":
            return True
        document = json.loads(answer)
        if self.protocol == "open_inference":
            scores = document["outputs"][0]["data"]
            return str(int(np.argmax(scores))) == self.label
        return bool(document["predictions"][0]["label"] == self.label)


def ask(model: Model, protocol: Protocol, encoding: Encoding = "json") -> Question:
    """The question about a model's one example.

    Args:
        model: that is asked.
        protocol: of the server. An echo gets what the function gets.
        encoding: of the body.
    """
    return Question(
        protocol=protocol,
        path=_PATHS[protocol],
        content_type=_CONTENT_TYPES[encoding],
        body=_body(model.instance, protocol, encoding),
        label=model.label,
    )


def _body(instance: npt.NDArray[np.float32], protocol: Protocol, encoding: Encoding) -> bytes:
    if encoding == "npy":
        buffer = io.BytesIO()
        np.save(buffer, instance, allow_pickle=False)
        return buffer.getvalue()
    if protocol != "open_inference":
        return json.dumps({"instances": _shortest(instance)}).encode()
    tensor = {
        "name": "x",
        "shape": list(instance.shape),
        "datatype": "FP32",
        "data": _shortest(instance.ravel()),
    }
    return json.dumps({"inputs": [tensor]}).encode()


def _shortest(values: npt.NDArray[np.float32]) -> Any:
    """Nested lists, in which each number has the digits that a float32 needs and no more."""
    # float64 would print 0.1 as 0.10000000149011612, which nobody measured.
    digits = [float(text) for text in values.ravel().astype(str)]
    return np.array(digits).reshape(values.shape).tolist()
