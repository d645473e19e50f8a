"""Exports as Python calls them: of a recipe, of keyword arguments, of objects in memory."""

from __future__ import annotations

import io
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import requests
from rich.console import Console

import model_export
from model_export import ExportError, ExportResult, GateError, LoadError, Progress, UsageError
from model_export.artifact.provenance import source_sha256
from tests.support.models import keras_models
from tflite_serving.contract.manifest import Manifest

Models = Callable[[str], Any]
Splits = dict[str, Any]
QUICK: dict[str, Any] = {
    "quantize": {"variants": ["float32"]},
    "measure": {"rounds": 2, "starts": 1},
}
LABELS = ["setosa", "versicolor", "virginica"]


def splits(model: Any) -> Splits:
    with np.load(model.data) as archive:
        return {
            name: (archive[f"x_{name}"], archive[f"y_{name}"])
            for name in ("train", "validation", "test")
        }


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # where unfinished work is kept


@pytest.fixture(scope="module")
def result(saved: Models, tmp_path_factory: pytest.TempPathFactory) -> ExportResult:
    folder = tmp_path_factory.mktemp("in_memory")
    model = saved("dense")
    return model_export.export(
        model=model.model,
        data=splits(model),
        name="flowers",
        labels=tuple(LABELS),
        registry=folder / "registry",
        alias="production",
        folder=folder,
        gate={"max_drop": np.float64(0.1)},
        **QUICK,
    )


def test_what_is_in_memory_becomes_what_a_recipe_makes(
    result: ExportResult, recipe_for: Callable[..., Path], tmp_path: Path
) -> None:
    recipe = recipe_for("dense", model__name="flowers", model__labels=LABELS)
    filed = model_export.export(recipe, registry=tmp_path / "registry").manifest
    found = result.manifest
    assert isinstance(found, Manifest)
    assert result.alias == "production"
    assert found.files["model.tflite"].sha256 == filed.files["model.tflite"].sha256
    assert (found.inputs, found.outputs) == (filed.inputs, filed.outputs)
    assert found.provenance.data_sha256 == filed.provenance.data_sha256
    assert found.quality.dataset == "data, test split"


def test_equal_models_in_memory_are_one_source(saved: Models) -> None:
    from model_export.recipe.model import ModelSection
    from model_export.tf.unsaved import saved as saved_file

    section = ModelSection(name="dense", source="dense.keras")
    digests = []
    for _ in range(2):
        with saved_file(saved("dense").model, section) as path:
            digests.append(source_sha256(path))
    assert digests[0] == digests[1]
    assert not path.exists()


def test_a_result_shows_its_candidates(result: ExportResult) -> None:
    assert "float32" in repr(result)
    assert "chosen" in repr(result)
    assert "flowers/versions/" in repr(result)
    shown = result._repr_html_()
    assert shown.startswith("<pre")
    assert "float32" in shown
    assert result.version == result.manifest.version
    assert result.report is not None
    assert Path(result.report).read_text().startswith("<!doctype html>")


def test_the_recipe_of_a_result_repeats_it(result: ExportResult, tmp_path: Path) -> None:
    text = result.recipe_toml()
    document = tomllib.loads(text)
    assert document == {
        "model": {"name": "flowers", "source": "flowers.keras", "labels": LABELS},
        "data": {"source": "data"},
        "publish": {"alias": "production"},
        "gate": {"max_drop": 0.1},
        **QUICK,
    }
    path = tmp_path / "recipe.toml"
    path.write_text(text)
    assert model_export.read_recipe(path) == result.recipe


def test_a_result_serves_itself(result: ExportResult, saved: Models) -> None:
    x, _ = splits(saved("dense"))["test"]
    with result.serve() as function:
        url = f"{function}/predict"
        answer = requests.post(url, json={"instances": x[:3].tolist()}, timeout=60).json()
    scores = [[row["scores"][label] for label in LABELS] for row in answer["predictions"]]
    np.testing.assert_allclose(scores, saved("dense").model.predict(x[:3], verbose=0), atol=1e-5)
    assert answer["model"]["version"] == result.version
    with pytest.raises(requests.ConnectionError):
        requests.get(function.url, timeout=5)
    function.stop()  # again is no error


def test_a_served_function_ends_with_its_process(result: ExportResult) -> None:
    program = (
        "from model_export import LocalFunction\n"
        f"print(LocalFunction.start({result.registry!r}, 'flowers'))\n"
    )
    process = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    with pytest.raises(requests.ConnectionError):
        requests.get(process.stdout.strip(), timeout=5)


def test_a_dry_run_serves_and_reports_nothing(saved: Models) -> None:
    found = model_export.export(
        model=saved("dense").path,
        data=str(saved("dense").data),
        name="flowers",
        dry_run=True,
        gate={"max_drop": 0.1},
        **QUICK,
    )
    assert found.registry is None
    assert found.report is None
    assert "would be published" in repr(found)
    with pytest.raises(UsageError, match="dry run"):
        found.serve()


def test_a_keyword_changes_one_key_of_a_recipe(
    recipe_for: Callable[..., Path],
) -> None:
    recipe = recipe_for("dense", gate__confidence=0.9)
    found = model_export.export(recipe, dry_run=True, gate={"max_drop": 0.2})
    assert found.recipe.gate.max_drop == 0.2
    assert found.recipe.gate.confidence == 0.9
    assert found.recipe.measure.rounds == 2


def test_an_interrupted_export_of_a_model_in_memory_goes_on(saved: Models) -> None:
    arguments: dict[str, Any] = {
        "model": saved("dense").model,
        "data": splits(saved("dense")),
        "name": "flowers",
        "dry_run": True,
        **QUICK,
    }
    model_export.export(**arguments)
    lines = io.StringIO()
    model_export.export(**arguments, resume=True, progress=Progress(Console(file=lines)))
    assert "converted before" in lines.getvalue()


def test_datasets_in_memory_are_read(saved: Models) -> None:
    import tensorflow as tf

    data = {
        name: tf.data.Dataset.from_tensor_slices(pair).batch(32)
        for name, pair in splits(saved("dense")).items()
    }
    found = model_export.export(
        model=saved("dense").model, data=data, name="flowers", dry_run=True, **QUICK
    )
    assert found.manifest.quality.examples == len(splits(saved("dense"))["test"][1])


def test_classes_of_the_notebook_are_known(saved: Models) -> None:
    import keras

    class Doubled(keras.layers.Layer):  # type: ignore[misc]  # keras has no types
        def call(self, x: Any) -> Any:
            return 2 * x

    base = saved("dense").model
    model = keras.Sequential([keras.Input((base.inputs[0].shape[1],)), Doubled(), base])
    arguments: dict[str, Any] = {"model": model, "data": splits(saved("dense")), "name": "doubled"}
    with pytest.raises(LoadError, match=r"^export\(model\): .* it does not know 'Doubled'"):
        model_export.export(**arguments, dry_run=True, **QUICK)
    model_export.export(
        **arguments,
        dry_run=True,
        custom_objects={"Doubled": Doubled},
        gate={"max_drop": 1},
        **QUICK,
    )


def test_a_failed_gate_shows_its_table(saved: Models, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(GateError) as caught:
        model_export.export(
            model=saved("dense").model,
            data=splits(saved("dense")),
            name="flowers",
            dry_run=True,
            gate={"max_bytes": 1},
            **QUICK,
        )
    assert caught.value.candidates[0].name == "float32"
    assert "float32" in capfd.readouterr().err.splitlines()[-1]


def refusal(saved: Models, **changes: Any) -> str:
    model = saved("dense")
    arguments: dict[str, Any] = {
        "model": model.model,
        "data": splits(model),
        "name": "flowers",
        "labels": LABELS,
        "dry_run": True,
        **QUICK,
    }
    with pytest.raises(ExportError) as caught:
        model_export.export(**{**arguments, **changes})
    assert isinstance(caught.value, (UsageError, LoadError))
    return str(caught.value)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"gates": {"max_drop": 1}}, "export(gates): unknown key; did you mean 'gate'?"),
        (
            {"gate": {"max_dorp": 1}},
            "export(gate.max_dorp): unknown key; did you mean 'max_drop'?",
        ),
        ({"gate": {"max_drop": "1"}}, "export(gate.max_drop): expected a number, got '1'"),
        ({"gate": 3}, "export(gate): expected an object, got 3"),
        ({"name": None}, "export(name): expected a value, got nothing"),
        ({"model": None}, "export(model): expected a value, got nothing"),
        ({"data": None}, "export(data): expected a value, got nothing"),
        ({"labels": LABELS[:2]}, "recipe.model.labels: expected 3 labels for"),
        ({"task": "guessing"}, "export(task): expected one of 'classification', "),
        ({"name": "no name"}, "export(name): expected 1 to 63 letters"),
        ({"prune": {"sparsity": 2.0}}, "export(prune.sparsity): expected between 0 and 1, got 2.0"),
        ({"dry_run": False}, "export(registry): expected the URI or the folder of a registry"),
        ({"data": (1, 2)}, "data: expected a dict of splits"),
        ({"model": len}, "export(model): expected a model of Keras"),
        ({"recipe": np.zeros(3)}, "export(recipe): expected the path of a recipe, got ndarray"),
    ],
)
def test_a_wrong_argument_is_named(saved: Models, changes: dict[str, Any], message: str) -> None:
    assert refusal(saved, **changes).startswith(message)


def test_wrong_examples_are_described_as_those_of_a_recipe(saved: Models) -> None:
    data = splits(saved("dense"))
    two = {name: data[name] for name in ("train", "test")}
    assert refusal(saved, data=two).startswith(
        "data: expected the split 'validation', got only train, test;"
    )
    alone = {**data, "train": data["train"][0]}
    assert refusal(saved, data=alone) == "data: train: expected (x, y), got ndarray"
    shorter = {**data, "test": (data["test"][0], data["test"][1][:5])}
    assert refusal(saved, data=shorter).startswith("data: test: expected as many examples as")


def test_a_model_that_is_compiled_and_not_built_is_refused(saved: Models) -> None:
    import keras

    model = keras.Sequential([keras.layers.Dense(keras_models.CLASSES)])
    model.compile("adam", "mse")
    assert refusal(saved, model=model).startswith("export(model): expected a trained model")
