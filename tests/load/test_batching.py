"""Row i of the answer is about row i of the question, whatever its size, dialect and neighbours."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from model_export.recipe.variants import VariantName
from tests.support.models.tiny import FEATURES, LABELS, write_tiny_artifact
from tests.support.server.held_registry import World
from tflite_serving.http.messages import RequestHead
from tflite_serving.runtime.interpreter_pool import InterpreterPool
from tflite_serving.service.service import Service
from tflite_serving.settings import Settings
from tflite_serving.telemetry import Timings

Rows = npt.NDArray[np.float32]

MAX_BATCH = 1024
EDGES = (1, 2, 63, 64, 65, 127, 128, 129, 1000, MAX_BATCH)
POOL: Rows = np.random.default_rng(5).random((MAX_BATCH, FEATURES), dtype=np.float32)
VARIANTS: tuple[VariantName, ...] = ("float32", "full_int8")
TOLERANCE = 1e-6

sizes = st.one_of(st.sampled_from(EDGES), st.integers(1, MAX_BATCH))
# Which rows, in which order: some of them several times.
batches = st.tuples(sizes, st.integers(0, 2**32 - 1)).map(
    lambda drawn: np.random.default_rng(drawn[1]).integers(0, MAX_BATCH, drawn[0])
)


@pytest.fixture(scope="module", params=VARIANTS)
def model(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> InterpreterPool:
    folder = tmp_path_factory.mktemp(request.param)
    manifest = write_tiny_artifact(folder, variant=request.param)
    return InterpreterPool(folder / "model.tflite", manifest.tensors, manifest.outputs)


@pytest.fixture(scope="module")
def one_by_one(model: InterpreterPool) -> Rows:
    return np.concatenate([scores_of(model, row[np.newaxis]) for row in POOL])


def scores_of(model: InterpreterPool, rows: Rows) -> Rows:
    return np.asarray(model.run({"features": rows}, Timings())["species"])


@given(asked=st.lists(batches, min_size=1, max_size=4))
@example(asked=[np.arange(size) for size in EDGES])
@example(asked=[np.arange(size)[::-1] for size in reversed(EDGES)])
@settings(max_examples=60)
def test_each_row_of_a_batch_is_answered_as_if_it_were_alone(
    model: InterpreterPool, one_by_one: Rows, asked: list[npt.NDArray[np.int64]]
) -> None:
    for indices in asked:
        found = scores_of(model, POOL[indices])
        assert found.shape == (len(indices), len(LABELS))
        assert np.abs(found - one_by_one[indices]).max() <= TOLERANCE


@pytest.mark.parametrize("most_rows", [1, 5, 64])
def test_large_rows_are_run_a_few_at_a_time_and_stay_in_their_order(
    model: InterpreterPool, one_by_one: Rows, monkeypatch: pytest.MonkeyPatch, most_rows: int
) -> None:
    monkeypatch.setattr(
        "tflite_serving.runtime.interpreter_pool._MOST_BYTES", most_rows * POOL[0].nbytes
    )
    for size in EDGES:
        indices = np.random.default_rng(size).permutation(MAX_BATCH)[:size]
        found = scores_of(model, POOL[indices])
        assert np.abs(found - one_by_one[indices]).max() <= TOLERANCE


def listed(rows: Rows) -> Any:
    return rows.astype(np.float64).tolist()


def saved(rows: npt.NDArray[Any]) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, rows, allow_pickle=False)
    return buffer.getvalue()


def by_label(document: Any) -> Rows:
    return np.array([[row["scores"][label] for label in LABELS] for row in document["predictions"]])


# Where a dialect is spoken, as which content type, how rows are sent, and how scores are read.
Body = Callable[[Rows], bytes]
Read = Callable[[Any], Rows]
SIMPLE, SERVING = "/predict", "/v1/models/iris:predict"
JSON, NPY = "application/json", "application/x-npy"
DIALECTS: dict[str, tuple[str, str, Body, Read]] = {
    "simple": (
        *(SIMPLE, JSON, lambda rows: json.dumps({"instances": listed(rows)}).encode()),
        by_label,
    ),
    "simple, by name": (
        *(SIMPLE, JSON),
        lambda rows: json.dumps({"instances": [{"features": r} for r in listed(rows)]}).encode(),
        by_label,
    ),
    "npy": (SIMPLE, NPY, saved, by_label),
    "npy, by columns": (SIMPLE, NPY, lambda rows: saved(np.asfortranarray(rows)), by_label),
    "npy, doubles": (SIMPLE, NPY, lambda rows: saved(rows.astype(">f8")), by_label),
    "rows": (
        *(SERVING, JSON, lambda rows: json.dumps({"instances": listed(rows)}).encode()),
        lambda document: np.array(document["predictions"]),
    ),
    "columns": (
        *(SERVING, JSON, lambda rows: json.dumps({"inputs": listed(rows)}).encode()),
        lambda document: np.array(document["outputs"]),
    ),
    "columns, by name": (
        *(SERVING, JSON),
        lambda rows: json.dumps({"inputs": {"features": listed(rows)}}).encode(),
        lambda document: np.array(document["outputs"]),
    ),
}


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Service:
    world = World(tmp_path_factory.mktemp("world"))
    world.publish()
    environment = {"MODEL_REGISTRY": world.store.uri, "MODELS": "iris"}
    return Service(Settings.from_env(environment), world.catalog("iris"), world.log)


def ask(service: Service, path: str, content_type: str, body: bytes) -> tuple[int, Any]:
    with service.open(RequestHead("POST", path, {}, {"content-type": content_type})) as exchange:
        exchange.admit(len(body))
        response = exchange.answer(body)
    return response.status, json.loads(response.body)


@pytest.mark.parametrize("dialect", DIALECTS)
@given(asked=st.lists(batches, min_size=1, max_size=3))
@example(asked=[np.arange(size) for size in EDGES])
@settings(max_examples=12)
def test_every_dialect_keeps_the_order_of_the_rows(
    service: Service, dialect: str, asked: list[npt.NDArray[np.int64]]
) -> None:
    path, content_type, body, read = DIALECTS[dialect]
    alone = float32_scores(service)
    for indices in asked:
        status, document = ask(service, path, content_type, body(POOL[indices]))
        assert status == 200
        found = read(document)
        assert found.shape == (len(indices), len(LABELS))
        assert np.abs(found - alone[indices]).max() <= TOLERANCE


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize(("size", "code"), [(0, "empty_batch"), (1025, "batch_too_large")])
def test_every_dialect_refuses_a_batch_that_is_empty_or_too_large(
    service: Service, dialect: str, size: int, code: str
) -> None:
    path, content_type, body, _ = DIALECTS[dialect]
    rows = np.zeros((size, FEATURES), np.float32)
    status, document = ask(service, path, content_type, body(rows))
    assert (status, document["code"]) == (400, code)


_alone: list[Rows] = []


def float32_scores(service: Service) -> Rows:
    """The service's own answers to rows that come one by one."""
    if not _alone:
        path, content_type, body, read = DIALECTS["simple"]
        rows = [ask(service, path, content_type, body(row[np.newaxis]))[1] for row in POOL]
        _alone.append(np.concatenate([read(document) for document in rows]))
    return _alone[0]
