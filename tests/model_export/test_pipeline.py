"""Whole exports: from a Keras model to an artifact that the function serves."""

from __future__ import annotations

import io
import json
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import Result

from model_export.artifact.provenance import source_sha256
from model_export.recipe.recipe import read_recipe
from model_export.verification import client
from model_export.verification.predictions import Answers, read_answers
from tests.support.models import keras_models
from tests.support.server.serving import running
from tflite_serving.artifacts.opening import open_store
from tflite_serving.catalog.catalog import Catalog
from tflite_serving.contract.golden import read_golden
from tflite_serving.contract.manifest import Manifest, read_manifest
from tflite_serving.settings import Settings
from tflite_serving.telemetry import Log, Timings

Cli = Callable[..., Result]
Recipes = Callable[..., Path]
Models = Callable[[str], Any]


def export(cli: Cli, recipe: Path, registry: Path, *options: str) -> Manifest:
    """Exports, and reads the one version that is published then."""
    result = cli("export", recipe, "--registry", registry, *options)
    assert result.exit_code == 0, result.stderr
    (path,) = registry.glob("models/*/versions/*/manifest.json")
    return read_manifest(path.read_text())


def folder_of(registry: Path, manifest: Manifest) -> Path:
    return registry / "models" / manifest.name / "versions" / manifest.version


def served(registry: Path, manifest: Manifest, cache: Path, **inputs: Any) -> Any:
    """What the function's own catalog answers, golden check included."""
    settings = Settings.from_env(
        {
            "MODEL_REGISTRY": str(registry),
            "MODELS": f"{manifest.name}@{manifest.version}",
            "MODEL_CACHE": str(cache),
        }
    )
    log = Log(io.BytesIO(), "ERROR")
    catalog = Catalog(settings, open_store(str(registry)), log)
    model = catalog.find(manifest.name, None, None, 60.0)
    return model.pool.run(inputs, Timings())


def test_a_full_export_describes_the_artifact_in_every_part(  # noqa: PLR0915  # one export, from all sides
    cli: Cli, recipe_for: Recipes, saved: Models, tmp_path: Path
) -> None:
    recipe = recipe_for(
        "conv",
        model__labels=list(keras_models.LABELS),
        inputs__pixels={},
        prune__method="magnitude",
        prune__epochs=2,
        quantize__variants=["float32", "static_int8", "dynamic_int8"],
        publish__alias="production",
    )
    text = recipe.read_text().replace(
        "[inputs]\npixels = {}", '[inputs.pixels]\nunits = "gray level"\ndescription = "a bar"'
    )
    recipe.write_text(text)
    registry = tmp_path / "registry"
    before = datetime.now(UTC).replace(microsecond=0)
    manifest = export(cli, recipe, registry)
    files = folder_of(registry, manifest)

    assert (manifest.name, manifest.task) == ("conv", "classification")
    assert before <= datetime.fromisoformat(manifest.created_at) <= datetime.now(UTC)
    assert sorted(manifest.files) == [
        "golden.npz",
        "model.tflite",
        "report.html",
        "report.json",
    ]
    assert {path.name for path in files.iterdir()} == {*manifest.files, "manifest.json"}
    assert manifest.files["model.tflite"].bytes == (files / "model.tflite").stat().st_size

    (spec,) = manifest.inputs
    assert (spec.name, spec.dtype, spec.shape) == ("pixels", "float32", (None, 6, 6, 1))
    assert (spec.units, spec.description) == ("gray level", "a bar")
    (output,) = manifest.outputs
    assert (output.name, output.shape, output.activation) == ("shape", (None, 3), "none")
    assert output.labels == keras_models.LABELS
    assert [binding.name for binding in manifest.tensors.inputs] == ["pixels"]
    assert [binding.name for binding in manifest.tensors.outputs] == ["shape"]

    names = [candidate.name for candidate in manifest.compression.candidates]
    assert names == ["float32", "static_int8", "dynamic_int8"]
    chosen = next(c for c in manifest.compression.candidates if c.chosen)
    assert chosen.name == manifest.compression.quantization
    assert chosen.bytes == manifest.files["model.tflite"].bytes
    assert chosen.sparsity > 0.3
    assert all((c.why_not is None) is c.chosen for c in manifest.compression.candidates)
    assert manifest.compression.pruning is not None
    pruned = {layer.name: layer.sparsity for layer in manifest.compression.pruning.layers}
    assert pruned == {"edges": 0.5, "hidden": pytest.approx(0.5, abs=0.01)}

    test = keras_models.bars(90, 2)
    keras_answers = keras_models.answers(saved("conv").model, test.inputs["pixels"])
    quality = manifest.quality
    assert quality.reference == np.mean(keras_answers.argmax(axis=1) == test.targets)
    assert quality.published == chosen.quality
    assert quality.drop == pytest.approx(quality.reference - quality.published)
    assert quality.drop_interval_95[0] < quality.drop < quality.drop_interval_95[1]
    assert (quality.metric, quality.examples) == ("accuracy", 90)

    assert manifest.runtime.runtime == "ai-edge-litert"
    assert manifest.runtime.min_version == metadata.version("ai-edge-litert")
    assert "CONV_2D" in manifest.runtime.operators
    assert "SHAPE" not in manifest.runtime.operators
    assert not manifest.runtime.needs_flex
    assert manifest.resources.latency_ms == chosen.latency_ms
    assert manifest.resources.peak_rss_mib == chosen.peak_rss_mib
    assert manifest.resources.recommended.memory_mib >= 256
    assert manifest.provenance.source_sha256 == source_sha256(saved("conv").path)
    assert manifest.provenance.recipe_sha256 == read_recipe(recipe).sha256
    assert manifest.provenance.packages["keras"] == metadata.version("keras")

    # The golden examples hold the answers of the Keras model before pruning, not the artifact's.
    golden = read_golden((files / "golden.npz").read_bytes())
    rows = [int(name.removeprefix("test[").removesuffix("]")) for name in golden.ids]
    assert len(rows) == 10
    assert set(test.targets[rows]) == {0, 1, 2}
    np.testing.assert_array_equal(golden.inputs["pixels"], test.inputs["pixels"][rows])
    np.testing.assert_allclose(golden.outputs["shape"], keras_answers[rows], atol=1e-5)

    answers = served(registry, manifest, tmp_path / "cache", pixels=test.inputs["pixels"])
    gaps = np.abs(answers["shape"] - keras_answers)[rows]
    assert gaps.max() <= golden.tolerance["shape"]
    assert np.mean(answers["shape"].argmax(axis=1) == test.targets) == quality.published

    alias = json.loads((registry / "models/conv/aliases/production.json").read_text())
    assert alias["version"] == manifest.version
    report = (files / "report.html").read_text()
    assert all(name in report for name in names)


def test_one_sigmoid_score_is_exported_as_two_classes(
    cli: Cli, recipe_for: Recipes, saved: Models, tmp_path: Path
) -> None:
    recipe = recipe_for("binary", model__labels=["no", "yes"])
    manifest = export(cli, recipe, tmp_path / "registry")
    (output,) = manifest.outputs
    assert (output.shape, output.labels, output.activation) == ((None, 1), ("no", "yes"), "none")
    assert manifest.quality.reference > 0.9
    x = keras_models.flowers(30, 5).inputs["features"]
    answers = served(tmp_path / "registry", manifest, tmp_path / "cache", features=x)
    expected = keras_models.answers(saved("binary").model, x)
    np.testing.assert_allclose(answers["positive"], expected, atol=1e-5)


@pytest.mark.parametrize("variant", ["float32", "full_int8"])
def test_a_model_that_ends_in_logits_is_served_with_its_softmax(
    cli: Cli, recipe_for: Recipes, saved: Models, tmp_path: Path, variant: str
) -> None:
    recipe = recipe_for("logits", quantize__variants=[variant])
    manifest = export(cli, recipe, tmp_path / "registry")
    assert manifest.outputs[0].activation == "softmax"
    x = keras_models.flowers(30, 5).inputs["features"]
    answers = served(tmp_path / "registry", manifest, tmp_path / "cache", features=x)
    logits = keras_models.answers(saved("logits").model, x)
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    expected = powers / powers.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(
        answers["species"], expected, atol=1e-5 if variant == "float32" else 0.1
    )


@pytest.mark.parametrize(
    ("metric", "variant"), [("mae", "float32"), ("rmse", "static_int8"), ("mae", "full_int8")]
)
def test_a_regression_is_exported_judged_and_reproduces_its_golden_examples(
    cli: Cli, recipe_for: Recipes, saved: Models, tmp_path: Path, metric: str, variant: str
) -> None:
    recipe = recipe_for(
        "regression",
        model__task="regression",
        gate__metric=metric,
        gate__max_drop=0.5,
        quantize__variants=[variant],
    )
    manifest = export(cli, recipe, tmp_path / "registry")
    assert manifest.task == "regression"
    (output,) = manifest.outputs
    assert (output.name, output.shape, output.labels) == ("price", (None, 2), None)
    test = keras_models.prices(90, 2)
    x = test.inputs["features"]
    expected = keras_models.answers(saved("regression").model, x)
    answers = served(tmp_path / "registry", manifest, tmp_path / "cache", features=x)
    np.testing.assert_allclose(answers["price"], expected, atol=0.5)

    quality = manifest.quality
    assert (quality.metric, quality.lower_is_better) == (metric, True)
    for figure, given in ((quality.reference, expected), (quality.published, answers["price"])):
        errors = np.abs(given - test.targets)
        error = np.mean(errors) if metric == "mae" else np.sqrt(np.mean(errors**2))
        assert figure == pytest.approx(error, rel=1e-4)
    assert quality.drop == pytest.approx(quality.published - quality.reference)
    (candidate,) = manifest.compression.candidates
    assert candidate.agreement is None
    assert candidate.worst_class_drop is None
    assert candidate.calibration_error is None


def test_a_regression_that_gets_too_wrong_is_refused(
    cli: Cli, recipe_for: Recipes, tmp_path: Path
) -> None:
    recipe = recipe_for(
        "regression", model__task="regression", gate__metric="mae", gate__max_drop=-0.001
    )
    result = cli("export", recipe, "--registry", tmp_path / "registry")
    assert result.exit_code == 4
    assert not (tmp_path / "registry").exists()


def test_a_regression_answers_over_http_in_both_dialects(
    cli: Cli, recipe_for: Recipes, saved: Models, tmp_path: Path
) -> None:
    recipe = recipe_for(
        "regression",
        model__task="regression",
        gate__metric="mae",
        publish__alias="production",
    )
    manifest = export(cli, recipe, tmp_path / "registry")
    x = keras_models.prices(3, 5).inputs["features"]
    expected = keras_models.answers(saved("regression").model, x)
    environment = {"MODEL_REGISTRY": str(tmp_path / "registry"), "MODELS": "regression"}
    with running("predict", environment, tmp_path) as function:
        body = {"instances": x.tolist()}
        simple = function.post("/predict", body)
        assert simple.status_code == 200, simple.text
        answer = simple.json()
        assert answer["model"] == {"name": "regression", "version": manifest.version}
        assert [list(row) for row in answer["predictions"]] == [["values"]] * 3
        values = [row["values"] for row in answer["predictions"]]
        np.testing.assert_allclose(values, expected, atol=1e-4)
        raw = function.post("/v1/models/regression:predict", body).json()["predictions"]
        np.testing.assert_allclose(raw, expected, atol=1e-4)
        refused = function.post("/predict?top_k=1", body)
        assert refused.status_code == 400
        assert refused.json()["code"] == "invalid_query"


def test_a_model_with_several_inputs_is_calibrated_measured_and_served_by_name(
    cli: Cli, tmp_path: Path
) -> None:
    model = keras_models.two_inputs()
    model.save(tmp_path / "two.keras")
    (tmp_path / "pairs_data.py").write_text(
        "from tests.support.models import keras_models\n"
        "def splits():\n"
        "    names = ('train', 'validation', 'test')\n"
        "    made = [keras_models.pairs(30, seed) for seed in range(3)]\n"
        "    return {n: (dict(s.inputs), s.targets) for n, s in zip(names, made)}\n"
    )
    (tmp_path / "recipe.toml").write_text(
        '[model]\nname = "two"\nsource = "two.keras"\n[data]\nsource = "pairs_data:splits"\n'
        '[quantize]\nvariants = ["full_int8"]\n[gate]\nmax_drop = 1\n'
        "[measure]\nstarts = 1\nrounds = 2\n"
    )
    manifest = export(cli, tmp_path / "recipe.toml", tmp_path / "registry")
    assert [spec.name for spec in manifest.inputs] == ["pixels", "features"]
    test = keras_models.pairs(30, 2)
    answers = served(tmp_path / "registry", manifest, tmp_path / "cache", **test.inputs)
    expected = keras_models.answers(model, test.inputs["pixels"], test.inputs["features"])
    np.testing.assert_allclose(answers["scores"], expected, atol=0.05)


def test_a_saved_model_is_exported_like_a_keras_file(
    cli: Cli, recipe_for: Recipes, saved: Models, tmp_path: Path
) -> None:
    saved("dense").model.export(tmp_path / "folder", verbose=False)
    recipe = recipe_for("dense", model__source="folder", model__labels=["a", "b", "c"])
    manifest = export(cli, recipe, tmp_path / "registry")
    (input_,), (output,) = manifest.inputs, manifest.outputs
    assert manifest.provenance.source_sha256 == source_sha256(tmp_path / "folder")
    x = keras_models.flowers(30, 5).inputs["features"]
    answers = served(tmp_path / "registry", manifest, tmp_path / "cache", **{input_.name: x})
    expected = keras_models.answers(saved("dense").model, x)
    np.testing.assert_allclose(answers[output.name], expected, atol=1e-5)


def test_a_saved_model_is_not_pruned_but_advised_upon(
    cli: Cli, recipe_for: Recipes, saved: Models, tmp_path: Path
) -> None:
    saved("dense").model.export(tmp_path / "folder", verbose=False)
    recipe = recipe_for("dense", model__source="folder", prune__method="magnitude")
    result = cli("export", recipe, "--dry-run")
    assert result.exit_code == 2
    assert "a SavedModel cannot be pruned" in result.stderr
    assert "give the .keras file, or set prune.method = 'none'" in result.stderr


def test_a_saved_model_that_ends_in_logits_is_refused_with_advice(
    cli: Cli, recipe_for: Recipes, saved: Models, tmp_path: Path
) -> None:
    saved("logits").model.export(tmp_path / "folder", verbose=False)
    result = cli("export", recipe_for("logits", model__source="folder"), "--dry-run")
    assert result.exit_code == 3
    assert "expected scores from 0 to 1, got -" in result.stderr


def test_custom_layers_come_from_the_recipes_folder(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "own_layers.py").write_text(
        "import keras\n"
        "class Double(keras.layers.Layer):\n"
        "    def call(self, x):\n"
        "        return 2 * x\n"
        "custom = {'Double': Double}\n"
        "wrong = [Double]\n"
        "def build():\n"
        "    return keras.Sequential([keras.Input((4,), name='features'), Double(),\n"
        "        keras.layers.Dense(3, activation='softmax', name='species')])\n"
    )
    from model_export.recipe.user_code import import_object

    import_object("own_layers:build", tmp_path)().save(tmp_path / "own.keras")
    keras_models.save_npz(tmp_path / "data.npz", keras_models.flowers)
    (tmp_path / "recipe.toml").write_text(
        '[model]\nname = "own"\nsource = "own.keras"\ncustom_objects = "own_layers:custom"\n'
        '[data]\nsource = "data.npz"\n[quantize]\nvariants = ["float32"]\n'
        "[measure]\nstarts = 1\nrounds = 2\n"
    )
    looked = iter(["a" * 64])  # once, at the start: the file may change while it is exported
    monkeypatch.setattr("model_export.artifact.provenance.source_sha256", lambda _: next(looked))
    manifest = export(cli, tmp_path / "recipe.toml", tmp_path / "registry")
    assert manifest.provenance.source_sha256 == "a" * 64
    monkeypatch.undo()
    artifact = f"{tmp_path}/registry/models/own/versions/{manifest.version}"
    (tmp_path / "own.keras").rename(tmp_path / "moved.keras")
    told = ("--recipe", tmp_path / "recipe.toml", "--set", "model.source=moved.keras")
    result = cli("verify", artifact, *told, "--limit", "7")
    (tmp_path / "moved.keras").rename(tmp_path / "own.keras")
    assert result.exit_code == 0, result.stderr
    assert "against moved.keras on the test split: 7 asked, 100.00% of the labels" in result.stdout
    wrong = ("--set", "model.custom_objects=own_layers:wrong", "--dry-run")
    result = cli("export", tmp_path / "recipe.toml", *wrong)
    assert result.exit_code == 2
    assert "recipe.model.custom_objects: own_layers:wrong: expected a dict" in result.stderr


@pytest.mark.parametrize(
    ("change", "code"),
    [("gate.max_drop=-1", 4), ("model.source=missing.keras", 3), ("data.source=missing.npz", 2)],
)
def test_an_export_that_fails_leaves_no_temporary_folder(
    cli: Cli,
    recipe_for: Recipes,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    change: str,
    code: int,
) -> None:
    recipe = recipe_for("dense")
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    result = cli("export", recipe, "--registry", tmp_path / "registry", "--set", change)
    assert result.exit_code == code
    assert not list(temporary.iterdir())


def test_a_function_that_answers_otherwise_than_was_measured_stops_the_export(
    cli: Cli, recipe_for: Recipes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def faulty(*asked: Any) -> Answers:
        answers = read_answers(*asked)
        return Answers({name: row[:, ::-1] for name, row in answers.values.items()}, answers.labels)

    monkeypatch.setattr(client, "read_answers", faulty)  # as if the function's dialect had a fault
    result = cli("export", recipe_for("dense"), "--registry", tmp_path / "registry")
    assert result.exit_code == 3
    assert "was measured: a difference of" in result.stderr
    assert not (tmp_path / "registry").exists() or not list((tmp_path / "registry").rglob("*.json"))
