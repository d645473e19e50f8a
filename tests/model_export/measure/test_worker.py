"""The commands of the process that runs a candidate."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from model_export.measure.worker import Worker, read_arrays, write_arrays
from tests.support.models.tiny import examples, scores, write_tiny_artifact
from tflite_serving.contract.codec import encode

ROWS = examples(5)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_arrays(tmp_path / "examples.npz", ROWS.inputs)
    return tmp_path


@pytest.fixture
def worker(folder: Path) -> Worker:
    manifest = write_tiny_artifact(folder)
    made = Worker()
    outputs: list[object] = [encode(spec) for spec in manifest.outputs]
    costs = made.load(str(folder), encode(manifest.tensors), outputs, threads=1, batch=8)
    assert set(costs) == {"cold_load_ms", "peak_rss_mib"}
    assert min(costs.values()) > 0
    return made


def test_arrays_may_have_any_name(tmp_path: Path) -> None:
    arrays = {"file": np.arange(3), "a/b": np.array(["x", "é"]), "": np.zeros((0, 2))}
    write_arrays(tmp_path / "arrays.npz", arrays)
    found = read_arrays(tmp_path / "arrays.npz")
    assert list(found) == list(arrays)
    assert all(np.array_equal(found[name], array) for name, array in arrays.items())


def test_examples_are_answered_from_one_file_into_another(worker: Worker, folder: Path) -> None:
    assert worker.answer(str(folder / "examples.npz"), str(folder / "answers.npz")) == {}
    (found,) = read_arrays(folder / "answers.npz").values()
    np.testing.assert_allclose(found, scores(ROWS.inputs["features"]), atol=1e-6)


def test_timing_ends_after_so_many_runs_or_so_long_and_runs_once_at_least(worker: Worker) -> None:
    assert len(worker.time(batch=2, runs=3, seconds=60.0)["latencies_ms"]) == 3
    assert len(worker.time(batch=8, runs=3, seconds=0.0)["latencies_ms"]) == 1
