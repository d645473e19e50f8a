"""Loading: every format gives the same model, and what cannot be trusted is refused."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
import pytest
import tensorflow as tf

from model_export.signature.source_model import TensorInfo
from model_export.tf.load import load_source
from model_export.tf.source import KerasSource, SavedModelSource
from tests.support.models import keras_models
from tests.support.models.saved_models import QUIET, changed, complaint, save

layers = keras.layers

X = keras_models.flowers(300, 5).inputs["features"]

pytestmark = QUIET


@pytest.fixture
def dense(saved: Callable[[str], Any]) -> keras.Model:
    model: keras.Model = saved("dense").model
    return model


@pytest.mark.parametrize("form", [".keras", ".h5", ".hdf5", "export", "saved_model"])
def test_every_format_answers_like_the_model_that_was_saved(
    dense: keras.Model, tmp_path: Path, form: str
) -> None:
    path = tmp_path / "model"
    if form == "export":
        dense.export(path, verbose=False)
    elif form == "saved_model":
        tf.saved_model.save(dense, path)
    else:
        path = save(dense, tmp_path / f"model{form}")
    source = load_source(path)
    (input_,), (output,) = source.inputs, source.outputs
    assert (input_.dtype, input_.shape) == ("float32", (None, 4))
    assert (output.dtype, output.shape) == ("float32", (None, 3))
    assert source.endings == ("softmax" if form.startswith(".") else "unknown",)
    answers = source.predict({input_.name: X})[output.name]
    assert answers.shape == (300, 3)
    np.testing.assert_allclose(answers, keras_models.answers(dense, X), atol=1e-6)


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_a_keras_file_gives_the_names_that_the_model_was_made_with(
    dense: keras.Model, tmp_path: Path, suffix: str
) -> None:
    source = load_source(save(dense, tmp_path / f"model{suffix}"))
    assert isinstance(source, KerasSource)
    assert source.inputs == (TensorInfo("features", "float32", (None, 4)),)
    assert source.outputs == (TensorInfo("species", "float32", (None, 3)),)


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
@pytest.mark.parametrize("kind", [layers.StringLookup, layers.TextVectorization])
def test_a_vocabulary_of_this_machine_is_not_read(tmp_path: Path, suffix: str, kind: Any) -> None:
    (tmp_path / "words.txt").write_text("secret\n")
    lookup = kind(vocabulary=["a", "b"], output_mode="multi_hot", name="hidden")
    model = keras.Sequential([keras.Input((1,), dtype="string"), lookup, layers.Dense(2)])

    def change(layer: dict[str, Any]) -> None:
        layer["config"]["vocabulary"] = str(tmp_path / "words.txt")

    path = save(model, tmp_path / f"model{suffix}")
    told = complaint(changed(path, tmp_path / f"changed{suffix}", change))
    assert "vocabulary file outside of the model archive" in told
    assert "set model.unsafe_load = true" in told


@pytest.mark.parametrize("way", ["a link", "a part"])
def test_weights_of_another_file_are_not_read(dense: keras.Model, tmp_path: Path, way: str) -> None:
    path, other = save(dense, tmp_path / "model.h5"), save(dense, tmp_path / "other.h5")
    with h5py.File(path, "r+") as file:
        names: list[str] = []
        file.visit(names.append)
        kernel = next(name for name in names if name.endswith("hidden/kernel"))
        shape = file[kernel].shape
        del file[kernel]
        if way == "a link":
            file[kernel] = h5py.ExternalLink(str(other), f"/{kernel}")
        else:
            size = int(np.prod(shape)) * 4
            file.create_dataset(kernel, shape, "float32", external=[(str(other), 0, size)])
    assert "Not allowed: H5 file with " in complaint(path)


@pytest.mark.parametrize("name", ["model.keras", "model.h5"])
@pytest.mark.parametrize("keep", [0, 200, 0.5])
def test_a_damaged_file_is_refused(
    dense: keras.Model, tmp_path: Path, name: str, keep: float
) -> None:
    path = save(dense, tmp_path / name)
    data = path.read_bytes()
    path.write_bytes(data[: int(keep * len(data)) if keep < 1 else int(keep)])
    assert "expected a Keras model, got" in complaint(path)


def test_a_file_of_another_kind_in_a_keras_files_clothes_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.keras"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("readme.txt", "hello")
    assert "expected a Keras model, got" in complaint(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", "{")
    assert "expected a Keras model, got" in complaint(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", "[]")
    assert "Keras cannot load it" in complaint(path)


def test_a_folder_that_is_no_saved_model_is_refused(tmp_path: Path) -> None:
    assert "expected a SavedModel folder, got no saved_model.pb in it" in complaint(tmp_path)


def test_a_damaged_saved_model_is_refused(dense: keras.Model, tmp_path: Path) -> None:
    path = tmp_path / "model"
    dense.export(path, verbose=False)
    (path / "saved_model.pb").write_bytes(b"damaged")
    assert "TensorFlow cannot load it: " in complaint(path)


def test_a_saved_model_without_a_default_signature_is_refused(tmp_path: Path) -> None:
    module = tf.Module()
    module.double = tf.function(lambda x: 2 * x, input_signature=[tf.TensorSpec((None,))])
    tf.saved_model.save(module, tmp_path / "model", signatures={"double": module.double})
    told = complaint(tmp_path / "model")
    assert "expected the signature serving_default, got ['double']" in told


class Subclassed(keras.Model):  # type: ignore[misc]  # keras has no types
    """A model without fixed inputs and outputs."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.head = layers.Dense(3)

    def call(self, x: Any) -> Any:
        return self.head(x)


def test_a_subclassed_model_is_refused_with_advice(tmp_path: Path) -> None:
    model = Subclassed()
    model(X)
    path = save(model, tmp_path / "model.keras")
    told = complaint(path, custom_objects={"Subclassed": Subclassed})
    assert "the model has no fixed inputs and outputs" in told
    assert "save a Sequential or functional model that begins with keras.Input" in told


class Double(keras.layers.Layer):  # type: ignore[misc]  # keras has no types
    """A layer that Keras does not know."""

    def call(self, x: Any) -> Any:
        return 2 * x


def custom() -> keras.Model:
    return keras.Sequential([keras.Input((4,)), Double(name="double"), layers.Dense(3)])


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_an_unknown_class_is_named_with_what_to_do(tmp_path: Path, suffix: str) -> None:
    told = complaint(save(custom(), tmp_path / f"model{suffix}"))
    assert "it does not know 'Double'; give it with model.custom_objects" in told


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_a_class_that_is_given_is_used(tmp_path: Path, suffix: str) -> None:
    model = custom()
    path = save(model, tmp_path / f"model{suffix}")
    source = load_source(path, custom_objects={"Double": Double})
    answers = source.predict({source.inputs[0].name: X})[source.outputs[0].name]
    np.testing.assert_allclose(answers, keras_models.answers(model, X), atol=1e-6)
    assert "double" in source.layers


@pytest.mark.parametrize("compiled", [False, True])
def test_a_model_need_not_be_compiled(tmp_path: Path, *, compiled: bool) -> None:
    model = keras.Sequential([keras.Input((4,)), layers.Dense(3, activation="softmax")])
    if compiled:
        model.compile(loss="sparse_categorical_crossentropy")
    source = load_source(save(model, tmp_path / "model.keras"))
    assert isinstance(source, KerasSource)
    assert source.model.compiled is compiled


def test_a_saved_model_says_nothing_of_its_activation(dense: keras.Model, tmp_path: Path) -> None:
    dense.export(tmp_path / "model", verbose=False)
    source = load_source(tmp_path / "model")
    assert isinstance(source, SavedModelSource)
    assert source.layers == {}
