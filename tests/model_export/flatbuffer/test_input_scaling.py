"""What scales and bins the numbers of a record is found, and stays in float."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import keras
import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

from model_export.dataset.splits import Split
from model_export.flatbuffer.fold_batch_size import fold_batch_shapes
from model_export.flatbuffer.input_scaling import scaling_operators
from model_export.flatbuffer.inspect import inspect
from model_export.quantization.candidate_factory import CandidateFactory
from model_export.quantization.float32_model import Float32Model
from model_export.quantization.quantize import calibrate
from model_export.recipe.variants import VariantName
from model_export.signature.signature import ModelSignature
from model_export.tf.convert import convert_float32
from model_export.tf.source import KerasSource
from tflite_serving.contract.tensors import InputSpec, OutputSpec

layers = keras.layers
# A rate, an age, an income: of all sizes.
X = (np.random.default_rng(0).normal(size=(200, 3)) * [0.02, 15, 2e5] + [0.1, 40, 5e5]).astype(
    np.float32
)


def normalized(entry: Any) -> Any:
    normal = layers.Normalization(name="normal")
    normal.adapt(X)
    return normal(entry)


def binned(entry: Any) -> Any:
    """The rate's bins beside the normalized row."""
    edges = np.quantile(X[:, 0], [0.2, 0.4, 0.6, 0.8]).tolist()
    bins = layers.Discretization(edges, output_mode="one_hot", name="bins")(entry[:, 0:1])
    return layers.Concatenate(name="joined")([bins, normalized(entry)])


def neither(entry: Any) -> Any:
    return entry


@cache
def made(front: Callable[[Any], Any]) -> tuple[CandidateFactory, keras.Model]:
    keras.utils.set_random_seed(0)
    entry = keras.Input((3,), name="row")
    hidden = layers.Dense(16, activation="relu", name="hidden")(front(entry))
    model = keras.Model(entry, layers.Dense(1, activation="sigmoid", name="yes")(hidden))
    source = KerasSource(model, "model")
    float32 = fold_batch_shapes(convert_float32(source))
    signature = ModelSignature(
        "classification",
        (InputSpec("row", "float32", (None, 3)),),
        (OutputSpec("yes", "float32", (None, 1), labels=("no", "yes")),),
    )
    ranges = calibrate(float32, Split({"row": X}, np.zeros(len(X), np.int64)))
    converted = Float32Model(float32, signature, frozenset(source.layers))
    return CandidateFactory(converted, ranges), model


def answers(flatbuffer: bytes) -> Any:
    interpreter = Interpreter(model_content=flatbuffer)
    (given,), (found,) = interpreter.get_input_details(), interpreter.get_output_details()
    assert given["dtype"] == np.float32
    interpreter.resize_tensor_input(given["index"], X.shape)
    interpreter.allocate_tensors()
    interpreter.set_tensor(given["index"], X)
    interpreter.invoke()
    values = interpreter.get_tensor(found["index"])
    scale, zero_point = found["quantization"]
    return (values.astype(np.float32) - zero_point) * scale if scale else values


@pytest.mark.parametrize(
    ("front", "kept"),
    [
        (normalized, {("normal", "SUB"), ("normal", "MUL")}),
        (
            binned,
            {
                ("normal", "SUB"),
                ("normal", "MUL"),
                (None, "STRIDED_SLICE"),
                ("bins", "BUCKETIZE"),
            },
        ),
        (neither, set()),
    ],
)
@pytest.mark.parametrize("variant", ["static_int8", "full_int8"])
def test_what_is_done_to_a_row_before_all_else_stays_in_float(
    variant: VariantName, front: Callable[[Any], Any], kept: set[tuple[str | None, str]]
) -> None:
    candidate = made(front)[0].make(variant)
    assert candidate.name == variant
    assert {(each.layer, each.kind) for each in candidate.kept_in_float} == kept
    assert {each.why for each in candidate.kept_in_float} <= {"range"}


@pytest.mark.parametrize("front", [normalized, binned])
@pytest.mark.parametrize("variant", ["static_int8", "full_int8"])
def test_small_values_beside_large_ones_are_not_lost(
    variant: VariantName, front: Callable[[Any], Any]
) -> None:
    factory, model = made(front)
    expected = np.asarray(model(X))
    assert np.abs(answers(factory.make(variant).flatbuffer) - expected).max() < 0.02


def test_the_variants_that_compute_in_float_keep_nothing_back() -> None:
    assert made(normalized)[0].make("dynamic_int8").kept_in_float == ()


def test_the_pixels_of_an_image_are_all_of_one_size() -> None:
    model = keras.Sequential(
        [
            keras.Input((8, 8, 3)),
            layers.Rescaling([1 / 255, 1 / 128, 1 / 64], name="scale"),
            layers.Conv2D(4, 3),
        ]
    )
    float32 = convert_float32(KerasSource(model, "model"))
    assert scaling_operators(float32) == ()
    assert {"MUL"} <= {operator.kind for operator in inspect(float32).operators}


def test_what_an_embedding_does_to_indices_is_no_scaling() -> None:
    entry = keras.Input((4,), dtype="int32")
    model = keras.Model(entry, layers.Flatten()(layers.Embedding(9, 3)(entry)))
    float32 = convert_float32(KerasSource(model, "model"))
    assert {"ADD"} <= {operator.kind for operator in inspect(float32).operators}
    assert scaling_operators(float32) == ()
