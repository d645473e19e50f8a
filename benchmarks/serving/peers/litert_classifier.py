"""One LiteRT interpreter as a classifier, for peers that run any Python model."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import numpy.typing as npt
from ai_edge_litert.interpreter import Interpreter


class Classifier:
    """A TensorFlow Lite model with one input and one output, both float32.

    Args:
        path: of the flatbuffer.
    """

    def __init__(self, path: str) -> None:
        self._interpreter = Interpreter(model_path=path, num_threads=1)
        self._interpreter.allocate_tensors()
        self._input = self._interpreter.get_input_details()[0]["index"]
        self._output = self._interpreter.get_output_details()[0]["index"]
        self._shape: tuple[int, ...] = tuple(self._interpreter.get_input_details()[0]["shape"])
        # An interpreter runs one batch at a time, and some servers ask from several threads.
        self._lock = threading.Lock()

    def scores(self, instances: Any) -> npt.NDArray[np.float32]:
        """Scores, [batch, classes], of instances, [batch, …], as an array or nested lists."""
        batch = np.asarray(instances, dtype=np.float32)
        with self._lock:
            if batch.shape != self._shape:
                self._interpreter.resize_tensor_input(self._input, batch.shape)
                self._interpreter.allocate_tensors()
                self._shape = batch.shape
            self._interpreter.set_tensor(self._input, batch)
            self._interpreter.invoke()
            found: npt.NDArray[np.float32] = self._interpreter.get_tensor(self._output)
        return found


def predictions(scores: npt.NDArray[np.float32]) -> list[dict[str, Any]]:
    """What a JSON answer says of scores, [batch, classes]: label, score, and all scores."""
    labels = [str(index) for index in range(scores.shape[1])]
    found = []
    for row in scores:
        best = int(row.argmax())
        by_label = dict(zip(labels, row.tolist(), strict=True))
        found.append({"label": labels[best], "score": by_label[labels[best]], "scores": by_label})
    return found
