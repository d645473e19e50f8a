"""One loaded model: batches, threads, refusals."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model_export.flatbuffer.inspect import bindings
from model_export.recipe.variants import VariantName
from model_export.tf.convert import convert_float32
from model_export.tf.source import KerasSource
from tests.support.models.tiny import FEATURES, WEIGHTS, scores, write_tiny_artifact
from tflite_serving.contract.manifest import Manifest
from tflite_serving.contract.tensors import TensorBinding, Tensors
from tflite_serving.errors import ArtifactRefused, DeadlineExceeded, RequestError, Stopping
from tflite_serving.runtime.interpreter_pool import InterpreterPool
from tflite_serving.telemetry import Timings

VARIANTS: tuple[VariantName, ...] = ("float32", "full_int8", "static_int8")
ROWS = np.random.default_rng(3).random((40, FEATURES), dtype=np.float32)


@pytest.fixture(scope="module")
def artifacts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, Manifest]]:
    made: dict[str, tuple[Path, Manifest]] = {}
    for variant in VARIANTS:
        folder = tmp_path_factory.mktemp(variant)
        made[variant] = folder / "model.tflite", write_tiny_artifact(folder, variant=variant)
    return made


@pytest.fixture(scope="module")
def models(artifacts: dict[str, tuple[Path, Manifest]]) -> dict[str, InterpreterPool]:
    return {variant: load(artifacts[variant]) for variant in VARIANTS}


def load(artifact: tuple[Path, Manifest], **options: int) -> InterpreterPool:
    path, manifest = artifact
    return InterpreterPool(path, manifest.tensors, manifest.outputs, **options)


def answer(model: InterpreterPool, rows: npt.NDArray[Any]) -> npt.NDArray[Any]:
    return model.run({"features": rows}, Timings())["species"]


@pytest.mark.parametrize(
    ("variant", "tolerance"), [("float32", 1e-6), ("full_int8", 0.02), ("static_int8", 0.02)]
)
def test_it_computes_what_numpy_computes(
    models: dict[str, InterpreterPool], variant: str, tolerance: float
) -> None:
    found = answer(models[variant], ROWS)
    assert found.shape == (40, 3)
    assert found.dtype == np.float32
    assert np.abs(found - scores(ROWS)).max() <= tolerance


@pytest.mark.parametrize("variant", VARIANTS)
@given(batches=st.lists(st.lists(st.integers(0, 39), min_size=1, max_size=40), max_size=6))
@settings(deadline=None, max_examples=40)
def test_batches_of_any_size_in_any_order_give_the_rows_of_one_by_one(
    models: dict[str, InterpreterPool], variant: str, batches: list[list[int]]
) -> None:
    model = models[variant]
    alone = np.concatenate([answer(model, ROWS[[row]]) for row in range(40)])
    for rows in batches:
        assert answer(model, ROWS[rows]) == pytest.approx(alone[rows], abs=1e-6)


def test_an_answer_is_not_changed_by_the_next_run(models: dict[str, InterpreterPool]) -> None:
    first = answer(models["float32"], ROWS[:1])
    kept = first.copy()
    answer(models["float32"], 1 - ROWS[:1])
    assert (first == kept).all()


@pytest.mark.parametrize("variant", VARIANTS)
def test_threads_that_share_two_interpreters_get_their_own_rows(
    artifacts: dict[str, tuple[Path, Manifest]], models: dict[str, InterpreterPool], variant: str
) -> None:
    model = load(artifacts[variant], interpreters=2)
    expected = [answer(models[variant], ROWS[: row + 1])[-1] for row in range(40)]
    threads = 12
    start = threading.Barrier(threads)

    def work(seed: int) -> None:
        start.wait()
        for row in np.random.default_rng(seed).integers(0, 40, 60):
            assert answer(model, ROWS[: row + 1])[-1] == pytest.approx(expected[row], abs=1e-6)

    with ThreadPoolExecutor(threads) as pool:
        for done in [pool.submit(work, seed) for seed in range(threads)]:
            done.result()


def test_who_waits_for_an_interpreter_is_refused_when_the_instance_ends(
    artifacts: dict[str, tuple[Path, Manifest]],
) -> None:
    model = load(artifacts["float32"], interpreters=1)
    model._take(0)
    with ThreadPoolExecutor(3) as pool:
        waiting = [pool.submit(model.run, {"features": ROWS}, Timings()) for _ in range(3)]
        model.give_up()
        for asked in waiting:
            with pytest.raises(Stopping):
                asked.result(30)


@pytest.mark.parametrize("wait_seconds", [0.0, 0.01])
def test_a_model_whose_interpreters_are_all_busy_refuses_at_the_deadline(
    artifacts: dict[str, tuple[Path, Manifest]], wait_seconds: float
) -> None:
    model = load(artifacts["float32"], interpreters=2)
    busy = [model._take(0) for _ in range(2)]
    assert not model.is_idle
    timings = Timings()
    with pytest.raises(DeadlineExceeded, match=r"^all interpreters of the model are busy;"):
        model.run({"features": ROWS}, timings, wait_seconds)
    assert timings.stages.keys() == {"queue"}
    model._idle.put(busy[0])
    assert model.run({"features": ROWS}, timings, wait_seconds)["species"].shape == (40, 3)
    assert timings.stages.keys() == {"queue", "infer"}


def test_a_run_that_fails_gives_its_interpreter_back(
    artifacts: dict[str, tuple[Path, Manifest]],
) -> None:
    model = load(artifacts["float32"], interpreters=1)
    expected = answer(model, ROWS)
    for wrong in (np.ones((3, FEATURES + 1), np.float32), np.ones((40, 2), np.float32)):
        with pytest.raises((ValueError, RuntimeError)):
            model.run({"features": wrong}, Timings(), 0)
        assert (answer(model, ROWS) == expected).all()


def test_an_index_that_a_table_lacks_is_the_clients(tmp_path: Path) -> None:
    model = keras.Sequential([keras.Input((1,), dtype="int32"), keras.layers.Embedding(5, 2)])
    converted = convert_float32(KerasSource(model, "model"))
    (tmp_path / "model.tflite").write_bytes(converted)
    tensors = Tensors(*bindings(converted, ("row",), ("found",)))
    made = InterpreterPool(tmp_path / "model.tflite", tensors, ())
    table = model.layers[0].get_weights()[0]
    found = made.run({"row": np.array([[4]], np.int32)}, Timings())["found"]
    assert found.ravel().tolist() == table[4].tolist()
    for beyond in (5, -6):
        with pytest.raises(RequestError, match="one that is negative or beyond the end"):
            made.run({"row": np.array([[beyond]], np.int32)}, Timings())


def test_the_activation_of_the_manifest_is_applied(
    artifacts: dict[str, tuple[Path, Manifest]], models: dict[str, InterpreterPool]
) -> None:
    path, manifest = artifacts["float32"]
    outputs = (replace(manifest.outputs[0], activation="sigmoid"),)
    found = answer(InterpreterPool(path, manifest.tensors, outputs), ROWS)
    assert found == pytest.approx(1 / (1 + np.exp(-answer(models["float32"], ROWS))), abs=1e-6)


def test_values_far_beyond_the_quantized_range_saturate(models: dict[str, InterpreterPool]) -> None:
    huge = np.full((1, FEATURES), np.finfo(np.float32).max)
    ones = np.full((1, FEATURES), 1.0, np.float32)
    assert answer(models["full_int8"], huge) == pytest.approx(answer(models["full_int8"], ones))


def refusal(path: Path, manifest: Manifest, tensors: Tensors | None = None) -> str:
    with pytest.raises(ArtifactRefused) as caught:
        InterpreterPool(path, tensors or manifest.tensors, manifest.outputs)
    return str(caught.value)


@pytest.mark.parametrize("content", [b"", b"not a model", bytes(1000)])
def test_a_file_that_is_no_flatbuffer_is_refused(
    artifacts: dict[str, tuple[Path, Manifest]], tmp_path: Path, content: bytes
) -> None:
    path = tmp_path / "model.tflite"
    path.write_bytes(content)
    assert refusal(path, artifacts["float32"][1]).startswith(f"{path}: LiteRT cannot load it: ")


def test_a_file_that_is_cut_is_refused(
    artifacts: dict[str, tuple[Path, Manifest]], tmp_path: Path
) -> None:
    whole, manifest = artifacts["float32"]
    path = tmp_path / "model.tflite"
    path.write_bytes(whole.read_bytes()[:-100])
    assert refusal(path, manifest).startswith(f"{path}: LiteRT cannot load it: ")


def test_a_file_that_is_not_there_is_refused(
    artifacts: dict[str, tuple[Path, Manifest]], tmp_path: Path
) -> None:
    path = tmp_path / "none.tflite"
    assert str(path) in refusal(path, artifacts["float32"][1])


def bound(manifest: Manifest, **changes: Any) -> Tensors:
    binding: TensorBinding = replace(manifest.tensors.inputs[0], **changes)
    return replace(manifest.tensors, inputs=(binding,))


def test_what_the_manifest_calls_otherwise_is_refused(
    artifacts: dict[str, tuple[Path, Manifest]],
) -> None:
    path, manifest = artifacts["float32"]
    prefix = f"{path}: LiteRT cannot load it: "
    assert refusal(path, manifest, bound(manifest, tensor="input_7")) == (
        f"{prefix}it has no tensor 'input_7', only ['input_0']"
    )
    assert refusal(path, manifest, bound(manifest, dtype="int8")) == (
        f"{prefix}tensor 'input_0' is float32, not int8"
    )
    assert "nothing" in refusal(path, manifest, replace(manifest.tensors, signature="nothing"))


def test_weights_are_those_of_the_file(tmp_path: Path) -> None:
    manifest = write_tiny_artifact(tmp_path, weights=-WEIGHTS)
    model = load((tmp_path / "model.tflite", manifest))
    assert answer(model, ROWS) == pytest.approx(scores(ROWS, -WEIGHTS), abs=1e-6)
