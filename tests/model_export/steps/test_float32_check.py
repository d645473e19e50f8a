"""The float32 conversion computes what Keras computes, or nothing is published."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import pytest
import tensorflow as tf
from click.testing import Result
from rich.console import Console

from model_export.errors import ConversionError
from model_export.progress import Progress
from model_export.quantization.float32_model import Float32Model
from model_export.recipe.recipe import read_recipe
from model_export.steps.convert import convert, fitting
from model_export.steps.float32_check import Float32Check
from model_export.steps.prepare import load, prepare
from model_export.steps.step_cache import StepCache
from model_export.steps.workspace import Workspace
from model_export.tf.source import KerasSource
from tests.support.models.litert import run
from tflite_serving.contract.golden import read_golden

Array = npt.NDArray[Any]
Cli = Callable[..., Result]
layers = keras.layers


def prices(slope: float, activation: str = "softplus") -> Any:
    """A head whose values are from 0 to twice the slope, of inputs from 0 to 1."""
    model = keras.Sequential(
        [
            keras.Input((2,), name="x"),
            layers.Dense(2, "relu", name="hidden"),
            layers.Dense(1, activation, name="price"),
        ],
        name="model",
    )
    model.layers[0].set_weights([np.eye(2), np.zeros(2)])
    model.layers[1].set_weights([np.full((2, 1), slope), np.zeros(1)])
    return model


def write(folder: Path, model: Any, *, inputs: Callable[[int], Array] | None = None) -> Path:
    """A recipe that exports the model, whose examples are what it answers itself."""
    arrays: dict[str, Array] = {}
    for seed, (split, count) in enumerate((("train", 90), ("validation", 40), ("test", 60))):
        x = (
            np.random.default_rng(seed).random((count, 2), dtype=np.float32)
            if inputs is None
            else inputs(count)
        )
        arrays |= {f"x_{split}": x, f"y_{split}": np.asarray(model(x), np.float32)}
    np.savez(folder / "examples.npz", allow_pickle=False, **arrays)
    model.save(folder / "model.keras")
    recipe = folder / "recipe.toml"
    recipe.write_text(
        """
        model = {name = "prices", source = "model.keras", task = "regression"}
        data.source = "examples.npz"
        quantize.variants = ["float32"]
        measure = {starts = 1, rounds = 2}
        gate = {metric = "mae", max_drop = 0.1}
        """
    )
    return recipe


def check(recipe_path: Path) -> str:
    """What is told of comparing the model of a recipe."""
    told = io.StringIO()
    progress = Progress(Console(file=told, width=200))
    recipe, folder = read_recipe(recipe_path), recipe_path.parent
    source, prepared = prepare(load(recipe, folder, progress), recipe, folder, progress)
    float32 = convert(source, prepared, progress)
    fitted = fitting(prepared, float32)
    model = Float32Model(float32, fitted.signature, frozenset(source.layers))
    Float32Check(source, model, fitted, 1).run(None, StepCache(Workspace(folder)), progress)
    return told.getvalue().partition("bytes")[2]


@pytest.fixture
def _naive(monkeypatch: pytest.MonkeyPatch) -> None:
    """The converter's own softplus, which stops at 88."""
    monkeypatch.setattr("model_export.tf.convert.rewrite", lambda function: function)


def test_a_head_beyond_88_is_published_as_keras_computes_it(
    tmp_path: Path, cli: Cli, capfd: pytest.CaptureFixture[str]
) -> None:
    model, registry = prices(80), tmp_path / "registry"
    done = cli("export", write(tmp_path, model), "--registry", registry)
    assert done.exit_code == 0, done.output
    told = capfd.readouterr().err
    assert "60 test examples, 60 of them ×4, 60 of them ×0.25: like the Keras model, but" in told
    (gap,) = re.findall(
        r"what was measured, and differs by (\S+) at most from the Keras model", told
    )
    assert float(gap) < 1e-3
    (published,) = registry.rglob("model.tflite")
    x = np.array([[0.0, 0.0], [0.5, 0.5], [1.0, 1.0], [9.0, 9.0]], np.float32)
    np.testing.assert_allclose(run(published.read_bytes(), x), model(x), rtol=1e-6)
    (golden,) = registry.rglob("golden.npz")
    # Of values up to 160.
    assert read_golden(golden.read_bytes()).tolerance["price"] < 0.1
    verified = cli(
        *("verify", published.parent, "--against", tmp_path / "model.keras"),
        *("--data", tmp_path / "examples.npz", "--json"),
    )
    assert json.loads(verified.stdout)["largest"] < 1e-3


@pytest.mark.usefixtures("_naive")
def test_a_conversion_that_differs_stops_the_export_and_names_the_layer(
    tmp_path: Path, cli: Cli
) -> None:
    recipe, registry = write(tmp_path, prices(80)), tmp_path / "registry"
    for _ in range(2):  # what is begun again is compared again
        done = cli("export", recipe, "--registry", registry, "--resume")
        assert done.exit_code == 3
        assert "rounding explains a difference of" in done.output
        assert "the first layer whose output differs is 'price' (Dense)" in done.output
    assert not registry.exists()


@pytest.mark.usefixtures("_naive")
def test_what_only_larger_inputs_show_stops_it_too(tmp_path: Path) -> None:
    with pytest.raises(ConversionError, match=r"test\[\d+\] with its inputs ×4: expected \d+"):
        check(write(tmp_path, prices(35)))


@pytest.mark.usefixtures("_naive")
def test_a_layer_within_models_is_named_by_its_path(tmp_path: Path) -> None:
    x = keras.Input((2,), name="x")
    wide = layers.Dense(3, "softplus", name="wide")
    inner = keras.Sequential([keras.Input((2,)), wide], name="inner")
    y = layers.Dense(1, name="price")(layers.LayerNormalization(name="norm")(inner(x)))
    wide.set_weights([np.full((2, 3), 80.0), np.array([0.0, 1.0, -200.0])])
    with pytest.raises(ConversionError, match=r"differs is 'inner/wide' \(Dense\): expected "):
        check(write(tmp_path, keras.Model(x, y)))


@pytest.mark.usefixtures("_naive")
def test_of_a_saved_model_the_place_in_its_graph_is_named(tmp_path: Path) -> None:
    model = prices(80)
    recipe = write(tmp_path, model)
    model.export(tmp_path / "saved", verbose=False)
    recipe.write_text(recipe.read_text().replace("model.keras", "saved"))
    with pytest.raises(ConversionError, match=r"differs is '[^']*price[^']*'"):
        check(recipe)


def test_sizes_of_inputs_that_keras_refuses_are_not_compared(tmp_path: Path) -> None:
    x = keras.Input((2,), name="x")
    found = layers.Flatten()(layers.Embedding(4, 3)(keras.ops.cast(x, "int32")))
    recipe = write(
        tmp_path,
        keras.Model(x, layers.Dense(1, name="price")(found)),
        inputs=lambda count: np.arange(2 * count, dtype=np.float32).reshape(-1, 2) % 4,
    )
    told = check(recipe)
    assert "not compared with inputs ×4: Keras refuses them: " in told
    assert "60 test examples, 60 of them ×0.25: like the Keras model" in told


@keras.saving.register_keras_serializable("tests")
class Near(keras.layers.Layer):  # type: ignore[misc]  # keras has no types
    """Whether values are above the mean of many, which rounding decides."""

    def call(self, x: Any) -> Any:
        many = tf.repeat(x, 1001, axis=1)
        return tf.cast(x >= tf.reduce_sum(many, axis=1, keepdims=True) / 1001, "float32")


@pytest.mark.parametrize("kind", ["cancels", "decides"])
def test_rounding_that_the_model_magnifies_is_none(tmp_path: Path, kind: str) -> None:
    keras.utils.set_random_seed(0)
    x = keras.Input((2,), name="x")
    if kind == "cancels":
        hidden = layers.Dense(64, name="large")(x)
        y = layers.Dense(1, name="small")(hidden)
        model = keras.Model(x, y)
        kernel = np.random.default_rng(0).normal(0, 1e4, (2, 64))
        back = np.random.default_rng(1).normal(0, 1, (64, 1))
        # The values of the hidden layer are in the tens of thousands, and what is left is below 1.
        back -= kernel.T @ np.linalg.lstsq(kernel.T, back, rcond=None)[0]
        model.set_weights([kernel, np.zeros(64), back, np.zeros(1)])
    else:
        total = layers.Dense(1, use_bias=False, name="total")(x)
        model = keras.Model(x, Near(name="near")(total))
    assert "like the Keras model" in check(write(tmp_path, model))


def test_a_pruned_model_is_compared_with_itself(tmp_path: Path, cli: Cli) -> None:
    recipe = write(tmp_path, prices(3, "relu"))
    recipe.write_text(
        recipe.read_text()
        + """
        [prune]
        method = "magnitude"
        sparsity = 0.5
        epochs = 1
        """
    )
    model = keras.models.load_model(tmp_path / "model.keras")
    model.compile("sgd", "mse")
    model.save(tmp_path / "model.keras")
    recipe.write_text(recipe.read_text().replace("max_drop = 0.1", "max_drop = 10"))
    done = cli("export", recipe, "--registry", tmp_path / "registry")
    assert done.exit_code == 0, done.output


def test_pixels_stay_within_what_occurs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((4, 4, 3), name="pixels"),
            layers.Flatten(),
            layers.Dense(1, name="price"),
        ]
    )
    rng = np.random.default_rng(0)
    recipe = write(
        tmp_path, model, inputs=lambda count: rng.uniform(0, 255, (count, 4, 4, 3)).astype("f")
    )
    recipe.write_text(recipe.read_text() + '\n        inputs.pixels.kind = "image"\n')
    asked: list[float] = []
    predict = KerasSource.predict

    def watched(source: KerasSource, inputs: Any) -> Any:
        asked.append(float(inputs["pixels"].max()))
        return predict(source, inputs)

    monkeypatch.setattr(KerasSource, "predict", watched)
    assert "60 of them ×4" in check(recipe)
    assert 200 < max(asked) <= 255
