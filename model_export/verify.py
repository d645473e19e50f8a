"""Whether what is served answers like the model that it was made from, from raw inputs on."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson
import requests

from model_export.data import Splits, load_splits
from model_export.errors import ParityError, RegistryError, UsageError
from model_export.interface import Interface, cast_inputs, check_data
from model_export.registry.store import WritableStore
from model_export.registry.verbs import registry_errors
from tflite_serving.artifacts.opening import open_store
from tflite_serving.catalog import Catalog
from tflite_serving.contract import layout
from tflite_serving.contract.golden import read_golden
from tflite_serving.contract.manifest import Manifest
from tflite_serving.contract.tensors import Arrays
from tflite_serving.http import RequestHead
from tflite_serving.preprocess.pipeline import in_shapes
from tflite_serving.scores import class_scores
from tflite_serving.service import Service
from tflite_serving.settings import Settings
from tflite_serving.telemetry import Log

Post = Callable[[str, bytes], tuple[int, bytes]]
"""Asks a function: the path and the body, JSON, to the status and the answer's body."""

_BATCH = 64
_WORST = 5
_TIMEOUT_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class Questions:
    """What is asked, and what the reference answers.

    Attributes:
        source: where they come from, for people.
        ids: of each, such as "test[17]".
        inputs: by input name, [questions, …], as clients send them.
        scores: [questions, classes], or of a regression [questions, values].
    """

    source: str
    ids: tuple[str, ...]
    inputs: Arrays
    scores: npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class Difference:
    """How far one answer is from the reference's.

    Attributes:
        id: of the question.
        reference, served: the best class, or the values.
        largest: difference of a score.
    """

    id: str
    reference: str
    served: str
    largest: float


@dataclass(frozen=True, slots=True)
class Parity:
    """What a comparison found.

    Attributes:
        model, version: that were asked.
        against: what they were compared with.
        questions: how many.
        label_agreement: fraction of the same best class; None of a regression.
        largest, mean: absolute difference of a score.
        worst: those that differ most, the worst first.
    """

    model: str
    version: str
    against: str
    questions: int
    label_agreement: float | None
    largest: float
    mean: float
    worst: tuple[Difference, ...]


def golden_questions(store: WritableStore, manifest: Manifest) -> Questions:
    """The artifact's own golden examples.

    Raises:
        RegistryError: they cannot be read.
    """
    path = layout.file_path(manifest.name, manifest.version, manifest.golden)
    with registry_errors():
        golden = read_golden(store.read(path).data)
    scores = _scores(manifest, golden.outputs[manifest.outputs[0].name])
    return Questions("its golden examples", golden.ids, golden.inputs, scores)


def model_questions(model: Path, source: str, folder: Path, manifest: Manifest) -> Questions:
    """The test split of a data source, and what a Keras model answers to it.

    Args:
        model: the Keras file, or a SavedModel.
        source: as `data.source` of a recipe.
        folder: that the source is looked up in.
        manifest: of the artifact.

    Raises:
        ExportError: the model or the examples cannot be had, or do not fit the artifact.
    """
    from model_export.tf.load import load_source

    if manifest.task not in ("classification", "regression"):
        raise UsageError(f"expected a classification or regression, got {manifest.task!r}")
    loaded = load_source(model)
    names = tuple(spec.name for spec in manifest.inputs)
    for what, has, wanted in (
        ("inputs", loaded.inputs, names),
        ("outputs", loaded.outputs, tuple(spec.name for spec in manifest.outputs)),
    ):
        found = tuple(info.name for info in has)
        if found != wanted:
            raise UsageError(
                f"{model}: expected the {what} {', '.join(wanted)}, as the artifact has them, got "
                f"{', '.join(found)}"
            )
    interface = Interface(manifest.task, manifest.inputs, manifest.outputs)
    splits: Splits = load_splits(source, folder, manifest.task).named(names)
    check_data(splits, interface)
    test = cast_inputs(splits, interface).test
    shapes = {info.name: info.shape for info in loaded.inputs}
    outputs = interface.natural(loaded.predict(in_shapes(test.inputs, shapes)))
    ids = tuple(f"test[{row}]" for row in range(len(test)))
    return Questions(f"{model.name} on the test split", ids, test.inputs, interface.scores(outputs))


def in_process(registry: str, manifest: Manifest, cache: Path) -> Post:
    """Asks the function's own service in this process.

    Args:
        registry: URI of it.
        manifest: of the version to load.
        cache: folder for what is downloaded.

    Raises:
        RegistryError: the function would not serve it; the message is its log's.
    """
    environment = {
        "MODEL_REGISTRY": registry,
        "MODELS": f"{manifest.name}@{manifest.version}",
        "MODEL_CACHE": str(cache),
        "LOG_LEVEL": "ERROR",
    }
    settings, lines = Settings.from_env(environment), io.BytesIO()
    log = Log(lines, "ERROR")
    service = Service(
        settings, Catalog(settings, open_store(registry, environ=os.environ), log), log
    )
    service.load()
    if lines.getvalue():
        raise RegistryError(orjson.loads(lines.getvalue().splitlines()[0])["message"])

    def post(path: str, body: bytes) -> tuple[int, bytes]:
        head = RequestHead("POST", path, headers={"content-type": "application/json"})
        with service.open(head) as exchange:
            response = exchange.answer(body)
        return response.status, response.body

    return post


def over_http(url: str, token: str | None) -> Post:
    """Asks a function that runs somewhere.

    Args:
        url: of it.
        token: identity token to show; None for none.
    """
    session = requests.Session()
    session.headers["Content-Type"] = "application/json"
    if token:
        session.headers["Authorization"] = f"Bearer {token}"

    def post(path: str, body: bytes) -> tuple[int, bytes]:
        try:
            response = session.post(url.rstrip("/") + path, data=body, timeout=_TIMEOUT_SECONDS)
        except requests.RequestException as error:
            raise RegistryError(f"{url}: the function does not answer: {error}") from None
        return response.status_code, response.content

    return post


def verify(
    manifest: Manifest,
    questions: Questions,
    post: Post,
    advance: Callable[[float], None] = lambda fraction: None,
) -> Parity:
    """Asks all questions, and compares the answers.

    Args:
        manifest: of the version that must answer.
        questions: with the reference's answers.
        post: asks the function.
        advance: told how much of the work is done, 0 to 1.

    Raises:
        ParityError: it refuses a question, or another version answers.
    """
    served = []
    for start, instances in _batches(questions.inputs):
        status, body = post(
            f"/models/{manifest.name}/predict",
            orjson.dumps({"instances": instances}, option=orjson.OPT_SERIALIZE_NUMPY),
        )
        served += _answers(manifest, status, body)
        advance((start + len(instances)) / len(questions.ids))
    return _compare(manifest, questions, np.array(served, dtype=np.float64))


def _batches(inputs: Arrays) -> Iterator[tuple[int, list[Any]]]:
    count = len(next(iter(inputs.values())))
    for start in range(0, count, _BATCH):
        columns = {name: values[start : start + _BATCH] for name, values in inputs.items()}
        if len(columns) == 1:
            yield start, next(iter(columns.values())).tolist()
            continue
        rows = zip(*[values.tolist() for values in columns.values()], strict=True)
        yield start, [dict(zip(columns, row, strict=True)) for row in rows]


def _answers(manifest: Manifest, status: int, body: bytes) -> list[list[float]]:
    if status != 200:
        told = body.decode(errors="replace")[:500]
        raise ParityError(f"{manifest.name}: the function answered {status}: {told}")
    answer = orjson.loads(body)
    version = answer["model"]["version"]
    if version != manifest.version:
        raise ParityError(
            f"{manifest.name}: expected the version {manifest.version}, and {version} answered"
        )
    if manifest.task == "regression":
        return [
            row["values"] if "values" in row else [row["value"]] for row in answer["predictions"]
        ]
    return [list(row["scores"].values()) for row in answer["predictions"]]


def _scores(manifest: Manifest, output: npt.NDArray[Any]) -> npt.NDArray[Any]:
    return output if manifest.task == "regression" else class_scores(output)


def _compare(manifest: Manifest, questions: Questions, served: npt.NDArray[Any]) -> Parity:
    reference = questions.scores.astype(np.float64)
    gaps = np.abs(served - reference)
    rows = gaps.max(axis=1)
    worst = np.argsort(-rows, kind="stable")[:_WORST]
    agreement = None
    if manifest.task != "regression":
        agreement = float((served.argmax(axis=1) == reference.argmax(axis=1)).mean())
    return Parity(
        model=manifest.name,
        version=manifest.version,
        against=questions.source,
        questions=len(rows),
        label_agreement=agreement,
        largest=float(rows.max()),
        mean=float(gaps.mean()),
        worst=tuple(
            Difference(
                questions.ids[row],
                _shown(manifest, reference[row]),
                _shown(manifest, served[row]),
                float(rows[row]),
            )
            for row in worst
        ),
    )


def _shown(manifest: Manifest, scores: npt.NDArray[Any]) -> str:
    if manifest.task == "regression":
        return ", ".join(f"{value:.4g}" for value in scores)
    labels = manifest.outputs[0].labels or tuple(map(str, range(len(scores))))
    best = int(scores.argmax())
    return f"{labels[best]} ({scores[best]:.3f})"
