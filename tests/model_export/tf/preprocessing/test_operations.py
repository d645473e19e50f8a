"""Which layers the function can compute, and which of them also convert."""

from __future__ import annotations

from typing import Any

import keras
import pytest

from model_export.tf.preprocessing.operations import kind_of
from tflite_serving.contract.categories import Concatenation, Discretization

layers = keras.layers


@pytest.mark.parametrize(
    ("layer", "member"),
    [
        (layers.TextVectorization(vocabulary=["a"]), "lookup"),
        (layers.StringLookup(vocabulary=["a"]), "lookup"),
        (layers.IntegerLookup(vocabulary=[1]), "lookup"),
        (layers.Hashing(3), "hashing"),
        (layers.HashedCrossing(3), "hashed_crossing"),
    ],
)
def test_a_layer_that_never_converts_is_always_cut_off(layer: Any, member: str) -> None:
    kind = kind_of(layer)
    assert kind is not None
    assert (kind.member, kind.converts) == (member, False)


@pytest.mark.parametrize(
    ("mode", "converts"), [("int", True), ("one_hot", True), ("multi_hot", False), ("count", False)]
)
def test_a_layer_that_counts_does_not_convert(mode: str, converts: bool) -> None:  # noqa: FBT001
    layer = layers.Discretization([1.0, 2.0], output_mode=mode)
    kind = kind_of(layer)
    assert kind is not None
    assert (kind.member, kind.converts) == ("discretization", converts)
    found = kind.operation(layer, "model.keras")
    assert found == Discretization(edges=(1.0, 2.0), encoding=mode)  # type: ignore[arg-type]


@pytest.mark.parametrize(("dtype", "converts"), [("float32", True), ("string", False)])
def test_strings_that_are_joined_do_not_convert(dtype: str, converts: bool) -> None:  # noqa: FBT001
    layer = layers.Concatenate()
    layer([keras.Input((1,), dtype=dtype), keras.Input((1,), dtype=dtype)])
    kind = kind_of(layer)
    assert kind is not None
    assert (kind.member, kind.converts) == ("concatenation", converts)
    assert kind.operation(layer, "model.keras") == Concatenation()


def test_other_layers_stay_in_the_model() -> None:
    assert kind_of(layers.Dense(3)) is None
    assert kind_of(layers.Normalization(mean=0.0, variance=1.0)) is None
