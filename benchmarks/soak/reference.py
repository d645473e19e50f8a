"""The right answers: asked once, one after the other, and compared with the bare model."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.serving.models import REGISTRY, Model
from benchmarks.soak.client import Connection
from benchmarks.soak.questions import Question, Share
from model_export import open_registry, read_version
from tflite_serving.contract.manifest import Manifest
from tflite_serving.runtime.interpreter_pool import InterpreterPool as Loaded
from tflite_serving.telemetry import Timings

_TOLERANCE = 1e-5


class WrongAnswer(Exception):
    """The function does not answer what the model does; the message says to which question."""


async def right_answers(
    port: int, shares: tuple[Share, ...], models: tuple[Model, ...]
) -> dict[bytes, bytes]:
    """The body of the right answer by request, of all questions about rows.

    Raises:
        WrongAnswer: it is not what the model says.
    """
    loaded = {model.name: _load(model.name, model.tflite) for model in models}
    connection, found = Connection(port), {}
    for question in (question for share in shares for question in share.questions):
        if question.rows is None:
            continue
        answer = await connection.ask(question.request)
        manifest, model = loaded[question.model]
        (output,) = model.run({manifest.inputs[0].name: question.rows}, Timings()).values()
        labels = manifest.outputs[0].labels
        assert labels is not None
        scores = _scores(json.loads(answer.body), labels) if answer.status == 200 else None
        if scores is None or not np.allclose(scores, output, rtol=0, atol=_TOLERANCE):
            raise WrongAnswer(f"{_told(question)}: got {answer.status}, {answer.body[:300]!r}")
        found[question.request] = answer.body
    connection.close()
    return found


def _load(name: str, path: Path) -> tuple[Manifest, Loaded]:
    manifest = read_version(open_registry(REGISTRY.as_uri()), name, path.parent.name)
    return manifest, Loaded(path, manifest.tensors, manifest.outputs)


def _scores(document: Mapping[str, Any], labels: tuple[str, ...]) -> npt.NDArray[np.float64]:
    """[batch, classes], in any dialect's answer."""
    rows = document.get("predictions", document.get("outputs", []))
    if isinstance(rows[0], list):
        return np.array(rows)
    return np.array([[row["scores"][label] for label in labels] for row in rows])


def _told(question: Question) -> str:
    return question.request[:60].decode("latin-1").partition("\r\n")[0]
