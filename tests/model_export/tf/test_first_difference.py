"""The first layer that a converted model computes differently."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest

from model_export.tf.convert import convert_float32
from model_export.tf.first_difference import first_difference
from model_export.tf.source import KerasSource
from tests.support.models.litert import pack, parse

X = {"x": np.array([[0.25, 0.5, 1.0]], np.float32)}


@pytest.fixture(scope="module")
def source() -> KerasSource:
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((3,), name="x"),
            keras.layers.Dense(4, name="hidden"),
            keras.layers.Dense(5, name="head"),
        ]
    )
    return KerasSource(model, "model.keras")


@pytest.fixture(scope="module")
def flatbuffer(source: KerasSource) -> bytes:
    return convert_float32(source)


def with_changed_weights(flatbuffer: bytes, outputs: int) -> bytes:
    """The model with other weights in the layer of so many outputs."""
    model: Any = parse(flatbuffer)
    graph = model.subgraphs[0]
    (weights,) = (
        t
        for t in graph.tensors
        if len(t.shape) == 2 and t.shape[0] == outputs and model.buffers[t.buffer].data is not None
    )
    values = np.frombuffer(bytes(model.buffers[weights.buffer].data), np.float32)
    model.buffers[weights.buffer].data = list((values + np.float32(0.5)).tobytes())
    return pack(model)


def test_a_model_that_was_converted_well_has_none(source: KerasSource, flatbuffer: bytes) -> None:
    assert first_difference(source, flatbuffer, X) is None


@pytest.mark.parametrize(("outputs", "layer"), [(4, "hidden"), (5, "head")])
def test_the_layer_is_named_with_both_values(
    source: KerasSource, flatbuffer: bytes, outputs: int, layer: str
) -> None:
    place = first_difference(source, with_changed_weights(flatbuffer, outputs), X)
    assert place is not None
    assert (place.name, place.kind) == (layer, "Dense")
    assert abs(place.expected - place.found) > 0.1
