"""What a Keras model says of its own graph."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import pytest

from model_export.tf.graph import endings
from model_export.tf.load import load_source
from tests.support.models.saved_models import QUIET, save

layers = keras.layers

pytestmark = QUIET


def ending(*last: Any) -> keras.Model:
    return keras.Sequential([keras.Input((4,)), layers.Dense(5, activation="relu"), *last])


@pytest.mark.parametrize(
    ("last", "expected"),
    [
        ([layers.Dense(3, activation="softmax")], "softmax"),
        ([layers.Dense(1, activation="sigmoid")], "sigmoid"),
        ([layers.Dense(3)], "linear"),
        ([layers.Dense(1)], "linear"),
        ([layers.Dense(3, activation="linear")], "linear"),
        ([layers.Dense(3), layers.Softmax()], "softmax"),
        ([layers.Dense(1), layers.Activation("sigmoid")], "sigmoid"),
        ([layers.Dense(3, activation="relu")], "unknown"),
        ([layers.Dense(3), layers.Dropout(0.5)], "unknown"),
    ],
)
def test_what_a_model_ends_in_is_read_off_its_last_layer(
    tmp_path: Path, last: list[Any], expected: str
) -> None:
    model = ending(*last)
    assert endings(model) == (expected,)
    assert load_source(save(model, tmp_path / "model.keras")).endings == (expected,)


@pytest.mark.parametrize(("activation", "expected"), [(None, "linear"), ("softmax", "softmax")])
def test_what_a_model_ends_in_is_seen_in_a_model_within_the_model(
    activation: str | None, expected: str
) -> None:
    head = keras.Sequential([keras.Input((5,)), layers.Dense(3, activation=activation)])
    inputs = keras.Input((4,))
    functional = keras.Model(inputs, head(layers.Dense(5)(inputs)))
    assert endings(ending(head)) == endings(functional) == (expected,)
