"""What Keras answers to a test split and what the function answers, side by side."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from model_export import Answers, Parity, Questions, answers_of, ask, compare, over_http
from tflite_serving.contract.manifest import Manifest
from tflite_serving.dialects.answers import label_names


@dataclass(frozen=True, slots=True)
class Comparison:
    """Both models' answers to the same examples.

    Attributes:
        parity: how far they are apart.
        keras, served: accuracy of each.
        milliseconds: [examples], of each question over HTTP.
    """

    parity: Parity
    keras: float
    served: float
    milliseconds: npt.NDArray[np.float64]


def compare_one_by_one(
    manifest: Manifest, questions: Questions, truth: npt.NDArray[np.int64], url: str
) -> Comparison:
    """Asks the function about raw inputs, one in each request, and compares it with Keras.

    Args:
        manifest: of the version that must answer.
        questions: with Keras's answers.
        truth: [questions], the right classes.
        url: of the function.

    Raises:
        ExportError: the function refused, or does not answer.
    """
    post, milliseconds = over_http(url), []

    def timed(path: str, body: bytes) -> tuple[int, bytes]:
        began = time.perf_counter()
        answer = post(path, body)
        milliseconds.append((time.perf_counter() - began) * 1000)
        return answer

    served = ask(manifest, questions.inputs, timed, batch=1)
    keras = answers_of(manifest, questions.outputs)
    return Comparison(
        compare(manifest, questions, served),
        _accuracy(manifest, keras, truth),
        _accuracy(manifest, served, truth),
        np.array(milliseconds),
    )


def _accuracy(manifest: Manifest, answers: Answers, truth: npt.NDArray[Any]) -> float:
    spec = manifest.outputs[0]
    right = [(label_names(spec)[index],) for index in truth]
    return float(np.mean([a == b for a, b in zip(answers.labels[spec.name], right, strict=True)]))
