"""Convolutions that int8 makes slower are found, and stay in float where that helps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest

from model_export.dataset.splits import Split
from model_export.flatbuffer.fold_batch_size import fold_batch_shapes
from model_export.flatbuffer.input_convolutions import stem_operators
from model_export.flatbuffer.inspect import inspect
from model_export.quantization.candidate_factory import CandidateFactory
from model_export.quantization.float32_model import Float32Model
from model_export.quantization.quantize import calibrate
from model_export.recipe.variants import VariantName
from model_export.signature.signature import ModelSignature
from model_export.tf.convert import convert_float32
from model_export.tf.source import KerasSource
from tests.support.models.litert import parse
from tflite_serving.contract.tensors import InputSpec, OutputSpec

layers = keras.layers
SIDE = 8


def converted(*of_layers: Any, channels: int = 1) -> tuple[bytes, frozenset[str]]:
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((SIDE, SIDE, channels), name="pixels"),
            *of_layers,
            layers.GlobalAveragePooling2D(name="pool"),
            layers.Dense(3, activation="softmax", name="scores"),
        ]
    )
    source = KerasSource(model, "model")
    return fold_batch_shapes(convert_float32(source)), frozenset(source.layers)


def stem_layers(*of_layers: Any, channels: int = 1) -> list[str | None]:
    float32, names = converted(*of_layers, channels=channels)
    found = stem_operators(float32)
    return [op.layer for op in inspect(float32, names).operators if op.name in found]


def conv(name: str, filters: int = 8) -> Any:
    return layers.Conv2D(filters, 3, padding="same", activation="relu", name=name)


@pytest.mark.parametrize(("channels", "found"), [(1, ["a"]), (3, ["a"]), (4, ["a"]), (8, [])])
def test_the_first_convolution_of_few_channels_is_the_stem(channels: int, found: list[str]) -> None:
    assert stem_layers(conv("a"), conv("b"), channels=channels) == found


def test_what_scales_the_image_before_it_belongs_to_the_stem() -> None:
    found = stem_layers(layers.Rescaling(1 / 255, 0.5, name="scale"), conv("a"), conv("b"))
    assert found[-1] == "a"
    assert set(found) == {"scale", "a"}


def test_a_convolution_of_few_channels_further_down_is_none() -> None:
    assert stem_layers(conv("a", 8), conv("narrow", 2), conv("c"), channels=8) == []


def test_a_model_without_convolutions_has_none(saved: Callable[[str], Any]) -> None:
    source = KerasSource(saved("dense").model, "dense")
    assert stem_operators(convert_float32(source)) == ()


def factory(*, float_where_faster: bool) -> CandidateFactory:
    float32, names = converted(conv("a"), conv("b"))
    x = np.random.default_rng(0).random((8, SIDE, SIDE, 1), dtype=np.float32)
    signature = ModelSignature(
        "classification",
        (InputSpec("pixels", "float32", (None, SIDE, SIDE, 1)),),
        (OutputSpec("scores", "float32", (None, 3), labels=("x", "y", "z")),),
    )
    ranges = calibrate(float32, Split({"pixels": x}, np.zeros(8, np.int64)))
    model = Float32Model(float32, signature, names)
    return CandidateFactory(model, ranges, float_where_faster=float_where_faster)


def weight_dtypes(flatbuffer: bytes) -> list[str]:
    return [op.weights.dtype for op in inspect(flatbuffer).operators if op.weights]


@pytest.mark.parametrize(
    ("variant", "first"),
    [("static_int8", "float32"), ("dynamic_int8", "float32"), ("full_int8", "int8")],
)
def test_the_stem_stays_in_float_in_the_variants_that_are_faster_so(
    variant: VariantName, first: str
) -> None:
    candidate = factory(float_where_faster=True).make(variant)
    assert candidate.name == variant
    assert weight_dtypes(candidate.flatbuffer) == [first, "int8", "int8"]
    told = [(operator.layer, operator.why) for operator in candidate.kept_in_float]
    assert told == ([("a", "speed")] if first == "float32" else [])


def test_the_recipe_can_have_the_stem_quantized() -> None:
    candidate = factory(float_where_faster=False).make("static_int8")
    assert weight_dtypes(candidate.flatbuffer) == ["int8"] * 3
    assert candidate.kept_in_float == ()


def test_no_rounding_is_left_between_the_image_and_the_stem() -> None:
    model = parse(factory(float_where_faster=True).make("static_int8").flatbuffer)
    graph = model.subgraphs[0]
    (image,) = graph.inputs
    readers = [op for op in graph.operators if image in op.inputs]
    assert len(readers) == 1
    kinds = [model.operatorCodes[op.opcodeIndex].builtinCode for op in readers]
    assert kinds == [3]  # CONV_2D, not QUANTIZE
