"""Frozen layers are left alone by pruning, however they were frozen, unless they are named."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from model_export.errors import UsageError
from model_export.tf.load import load_source
from model_export.tf.pruning.layers import find, select
from model_export.tf.pruning.prune import prune
from model_export.tf.source import KerasSource
from tests.support.models import keras_models
from tests.support.models.pruning import Accuracy, recipe

layers = keras.layers
FLOWERS = keras_models.flowers(60, 0)

pytestmark = pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file")


def transfer() -> keras.Model:
    """A head to be trained on a frozen base, as in transfer learning."""
    base = keras.Sequential(
        [
            keras.Input((4,)),
            layers.Dense(8, name="deep"),
            layers.BatchNormalization(name="norm"),
            layers.Dense(8, activation="relu", name="deeper"),
        ],
        name="base",
    )
    base.trainable = False
    x = keras.Input((4,), name="features")
    y = layers.Dense(8, activation="relu", name="head")(base(x, training=False))
    return compiled(keras.Model(x, layers.Dense(3, activation="softmax", name="last")(y)))


def one_layer() -> keras.Model:
    """A frozen layer beside others."""
    model = keras.Sequential(
        [
            keras.Input((4,), name="features"),
            layers.Dense(8, activation="relu", name="deep", trainable=False),
            layers.Dense(8, activation="relu", name="head"),
            layers.Dense(3, activation="softmax", name="last"),
        ]
    )
    return compiled(model)


def one_variable() -> keras.Model:
    """A layer whose kernel alone is frozen."""
    model = one_layer()
    model.get_layer("deep").trainable = True
    model.get_layer("deep").kernel.trainable = False
    return model


def compiled(model: keras.Model) -> keras.Model:
    loss = "sparse_categorical_crossentropy"
    model.compile(loss=loss, run_eagerly=True, jit_compile=False)
    return model


def reloaded(model: keras.Model, path: Path) -> keras.Model:
    model.save(path)
    source = load_source(path)
    assert isinstance(source, KerasSource)
    return source.model


@pytest.mark.parametrize("suffix", ["", ".keras", ".h5"])
@pytest.mark.parametrize(
    ("make", "frozen", "named"),
    [
        (transfer, ["base/deep", "base/deeper"], "base/*"),
        (one_layer, ["deep"], "deep"),
    ],
)
def test_frozen_layers_are_pruned_only_if_they_are_named(
    tmp_path: Path, make: Callable[[], keras.Model], frozen: list[str], named: str, suffix: str
) -> None:
    model = reloaded(make(), tmp_path / f"model{suffix}") if suffix else make()
    assert [each.path for each in find(model) if each.frozen] == frozen
    assert [each.path for each in select(model, ["*"], [])] == ["head"]
    assert [each.path for each in select(model, ["*", named], [])] == [*frozen, "head"]


def test_a_kernel_that_is_frozen_alone_is_left_alone() -> None:
    assert [each.path for each in select(one_variable(), ["*"], [])] == ["head"]


def test_what_was_left_is_told_and_keeps_its_weights() -> None:
    told: list[str] = []
    model = transfer()
    before = [np.array(weight) for weight in model.get_layer("base").get_weights()]
    done = prune(model, recipe(), FLOWERS, FLOWERS, Accuracy(), told.append)
    assert [layer.name for layer in done.layers] == ["head"]
    assert told[0] == (
        "left alone, because they are frozen: base/deep, base/deeper; prune.include can name them"
    )
    for weight, kept in zip(model.get_layer("base").get_weights(), before, strict=True):
        np.testing.assert_array_equal(weight, kept)


@pytest.mark.parametrize("options", [{"exclude": ("base/*",)}, {"include": ("head",)}])
def test_what_the_recipe_leaves_alone_itself_is_not_told(options: Any) -> None:
    told: list[str] = []
    prune(transfer(), recipe(epochs=0, **options), FLOWERS, FLOWERS, Accuracy(), told.append)
    assert told == []


def test_where_all_is_frozen_the_message_says_so() -> None:
    model = transfer()
    model.get_layer("head").trainable = False
    with pytest.raises(UsageError, match=r"prunable: base/deep \(frozen\), base/deeper \(frozen\)"):
        prune(model, recipe(), FLOWERS, FLOWERS, Accuracy())
    model.get_layer("last").trainable = False
    with pytest.raises(UsageError, match="every layer of the model is frozen"):
        prune(model, recipe(include=("head",)), FLOWERS, FLOWERS, Accuracy())
    done = prune(model, recipe(include=("head",), epochs=0), FLOWERS, FLOWERS, Accuracy())
    assert [layer.name for layer in done.layers] == ["head"]


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_a_model_that_is_frozen_as_a_whole_is_so_after_it_is_loaded(
    tmp_path: Path, suffix: str
) -> None:
    model = one_layer()
    model.trainable = False
    assert all(each.frozen for each in find(reloaded(model, tmp_path / f"model{suffix}")))
