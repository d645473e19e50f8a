"""What a Keras file says of the model in it, before anything of it is loaded."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from model_export.tf.load import load_source
from tests.support.models import keras_models
from tests.support.models.saved_models import QUIET, changed, complaint, save

layers = keras.layers

X = keras_models.flowers(300, 5).inputs["features"]

pytestmark = QUIET


@pytest.fixture
def dense(saved: Callable[[str], Any]) -> keras.Model:
    model: keras.Model = saved("dense").model
    return model


def lambda_layer() -> keras.Model:
    return keras.Sequential([keras.Input((4,)), layers.Lambda(lambda x: x * 2, name="twice")])


def lambda_inside() -> keras.Model:
    return keras.Sequential([keras.Input((4,)), lambda_layer(), layers.Dense(3)])


def lambda_activation() -> keras.Model:
    return keras.Sequential(
        [keras.Input((4,)), layers.Dense(3, activation=lambda x: x * 2, name="odd")]
    )


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
@pytest.mark.parametrize(
    ("make", "what"),
    [
        (lambda_layer, "layer 'twice' (Lambda)"),
        (lambda_inside, "layer 'twice' (Lambda)"),
        (lambda_activation, "the activation of layer 'odd' (a lambda function)"),
    ],
)
def test_a_file_with_python_code_is_refused_by_the_layers_name(
    tmp_path: Path, suffix: str, make: Callable[[], keras.Model], what: str
) -> None:
    told = complaint(save(make(), tmp_path / f"model{suffix}"))
    assert what in told
    assert "hold Python code" in told
    assert "model.unsafe_load = true" in told


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
@pytest.mark.parametrize("make", [lambda_layer, lambda_inside])
def test_a_file_with_python_code_is_loaded_where_the_recipe_trusts_it(
    tmp_path: Path, suffix: str, make: Callable[[], keras.Model]
) -> None:
    model = make()
    source = load_source(save(model, tmp_path / f"model{suffix}"), unsafe_load=True)
    answers = source.predict({source.inputs[0].name: X})[source.outputs[0].name]
    np.testing.assert_allclose(answers, keras_models.answers(model, X), atol=1e-6)


def loading_a_saved_model(layer: dict[str, Any]) -> None:
    layer["class_name"] = "TFSMLayer"
    layer["config"] = {"name": "hidden", "filepath": "/nowhere", "call_endpoint": "serve"}


def calling(module: str, name: str) -> Callable[[dict[str, Any]], None]:
    def change(layer: dict[str, Any]) -> None:
        layer["config"]["activation"] = {
            "module": module,
            "class_name": "function",
            "config": name,
            "registered_name": "function",
        }

    return change


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
@pytest.mark.parametrize(
    ("change", "told"),
    [
        (loading_a_saved_model, "layer 'hidden' (TFSMLayer) hold Python code"),
        (calling("keras.layers", "TFSMLayer"), "a function (TFSMLayer) hold Python code"),
        (calling("keras.utils", "get_file"), "`keras.utils.get_file` because it is not a modeling"),
        (calling("keras.saving", "load_model"), "`keras.saving.load_model` because it is not"),
        (calling("os", "system"), "it does not know 'system'"),
        (calling("builtins", "eval"), "it does not know 'eval'"),
    ],
)
def test_a_file_that_reaches_for_other_code_is_refused(
    dense: keras.Model,
    tmp_path: Path,
    suffix: str,
    change: Callable[[dict[str, Any]], None],
    told: str,
) -> None:
    path = save(dense, tmp_path / f"model{suffix}")
    assert told in complaint(changed(path, tmp_path / f"changed{suffix}", change))


def test_what_is_not_there_is_named(tmp_path: Path) -> None:
    assert "there is no such file or folder; train" in complaint(tmp_path / "missing.keras")


def test_weights_without_a_model_are_refused_with_advice(
    dense: keras.Model, tmp_path: Path
) -> None:
    path = tmp_path / "model.weights.h5"
    dense.save_weights(path)
    assert "expected a whole model, got weights alone; use model.save" in complaint(path)


@pytest.mark.parametrize(("name", "what"), [("model.pt", ".pt"), ("model", "no suffix")])
def test_another_suffix_is_refused(tmp_path: Path, name: str, what: str) -> None:
    (tmp_path / name).touch()
    told = complaint(tmp_path / name)
    assert f"expected .keras, .h5 or a SavedModel folder, got {what}" in told
