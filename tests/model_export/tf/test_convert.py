"""Conversion: TensorFlow Lite's own operators, or an error that names operator and layer."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from model_export.errors import ConversionError
from model_export.flatbuffer.fold_batch_size import fold_batch_shapes
from model_export.flatbuffer.inspect import inspect
from model_export.quantization.quantize import quantize
from model_export.signature.source_model import SourceModel
from model_export.tf.convert import convert_float32
from model_export.tf.load import load_source
from model_export.tf.source import KerasSource
from tests.support.models import keras_models
from tests.support.models.litert import run

layers = keras.layers


class Volume(keras.layers.Layer):  # type: ignore[misc]  # keras has no types
    """The determinant of matrices, for which TensorFlow Lite has no operator."""

    def call(self, x: Any) -> Any:
        return tf.linalg.det(x)[:, None]


class Block(keras.layers.Layer):  # type: ignore[misc]  # keras has no types
    """A layer made of layers."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.inner = Volume(name="deep")

    def call(self, x: Any) -> Any:
        return self.inner(x)


class Broken(keras.layers.Layer):  # type: ignore[misc]  # keras has no types
    """A layer that works on numbers, and not in a graph."""

    def call(self, x: Any) -> Any:
        if tf.is_symbolic_tensor(x):
            raise RuntimeError("this layer wants real numbers")
        return x

    def compute_output_shape(self, shape: Any) -> Any:
        return shape


def source_of(*of_layers: Any) -> SourceModel:
    model = keras.Sequential([*of_layers, layers.Dense(3, activation="softmax", name="head")])
    return KerasSource(model, "model")


def complaint(source: SourceModel) -> str:
    with pytest.raises(ConversionError) as caught:
        convert_float32(source)
    told = str(caught.value)
    assert "\n" not in told
    return told


@pytest.mark.parametrize("name", ["dense", "conv", "binary", "logits"])
def test_a_converted_model_answers_like_the_keras_model(
    saved: Callable[[str], Any], converted: Callable[[str], bytes], name: str
) -> None:
    make = keras_models.bars if name == "conv" else keras_models.flowers
    (x,) = make(7, 5).inputs.values()
    expected = keras_models.answers(saved(name).model, x)
    np.testing.assert_allclose(run(converted(name), x), expected, atol=1e-5)
    np.testing.assert_allclose(run(converted(name), x[:1]), expected[:1], atol=1e-5)


@pytest.mark.parametrize("as_dict", [False, True])
def test_inputs_keep_the_models_order(*, as_dict: bool) -> None:
    model = keras_models.two_inputs(as_dict=as_dict)
    source = KerasSource(model, "model")
    inputs = keras_models.pairs(5, 5).inputs
    made = convert_float32(source)
    expected = source.predict(inputs)["scores"]
    found = run(made, *(inputs[info.name] for info in source.inputs))
    np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize("how", ["export", "saved_model"])
def test_a_saved_model_converts_to_the_same_answers(
    saved: Callable[[str], Any], tmp_path: Path, how: str
) -> None:
    model = saved("dense").model
    if how == "export":
        model.export(tmp_path / "model", verbose=False)
    else:
        tf.saved_model.save(model, tmp_path / "model")
    made = convert_float32(load_source(tmp_path / "model"))
    x = keras_models.flowers(7, 5).inputs["features"]
    np.testing.assert_allclose(run(made, x), keras_models.answers(model, x), atol=1e-5)


def test_nothing_but_tensorflow_lites_own_operators_is_used(
    converted: Callable[[str], bytes],
) -> None:
    assert inspect(converted("conv")).custom == ()


def test_an_operator_without_counterpart_is_named_with_its_layer() -> None:
    assert complaint(source_of(keras.Input((3, 3)), Volume(name="volume"))) == (
        "TensorFlow Lite lacks operators of the model: MatrixDeterminant of layer 'volume' (Volume)"
        ". Replace layer 'volume' by layers that are made of TensorFlow Lite's operators"
    )


def test_a_layer_within_a_layer_or_a_model_is_named_by_its_whole_path() -> None:
    assert "MatrixDeterminant of layer 'block/deep' (Volume)." in complaint(
        source_of(keras.Input((3, 3)), Block(name="block"))
    )
    inner = keras.Sequential([keras.Input((3, 3)), Volume(name="volume_7")], name="inner")
    assert "MatrixDeterminant of layer 'inner/volume_7' (Volume)." in complaint(
        source_of(keras.Input((3, 3)), inner)
    )


def test_every_layer_with_such_an_operator_is_named() -> None:
    inputs = keras.Input((3, 3))
    joined = layers.Concatenate()([Volume(name="left")(inputs), Volume(name="right")(inputs)])
    model = keras.Model(inputs, layers.Dense(3, activation="softmax")(joined))
    told = complaint(KerasSource(model, "model"))
    assert "MatrixDeterminant of layer 'left' (Volume); MatrixDeterminant of layer 'right'" in told


def test_a_saved_models_operator_is_named_with_its_place_in_the_graph(tmp_path: Path) -> None:
    model = keras.Sequential([keras.Input((3, 3)), Volume(name="volume"), layers.Dense(3)])
    model.export(tmp_path / "model", verbose=False)
    told = complaint(load_source(tmp_path / "model"))
    assert told.startswith("TensorFlow Lite lacks operators of the model: MatrixDeterminant of ")
    assert "volume" in told


@pytest.mark.parametrize(
    ("first", "name", "advice"),
    [
        (
            layers.StringLookup(vocabulary=["a", "b"], name="words"),
            "words",
            (
                "Lookups and hashes must stay outside of the model: build one that starts after "
                "layer 'words', and send it the indices"
            ),
        ),
        (
            layers.TextVectorization(
                vocabulary=["a", "b"], output_sequence_length=4, name="sentence"
            ),
            "sentence",
            (
                "Text must become numbers outside of the model: build one that starts after layer "
                "'sentence'"
            ),
        ),
    ],
)
def test_text_layers_get_advice_of_their_own(first: Any, name: str, advice: str) -> None:
    shape = () if name == "sentence" else (4,)
    told = complaint(
        source_of(
            keras.Input(shape, dtype="string"),
            first,
            layers.Embedding(9, 3),
            layers.GlobalAveragePooling1D(),
        )
    )
    assert "LookupTableFindV2" in told
    assert f"of layer '{name}" in told
    assert f"({type(first).__name__})" in told
    assert "Placeholder" not in told
    assert advice in told


def test_a_saved_model_with_lookups_is_told_that_a_keras_file_has_them_cut_off() -> None:
    source = source_of(
        keras.Input((4,), dtype="string"),
        layers.StringLookup(vocabulary=["a", "b"], name="words"),
        layers.Embedding(9, 3),
        layers.GlobalAveragePooling1D(),
    )
    source.layers = {}  # which a SavedModel does not tell
    told = complaint(source)
    assert told.endswith(
        "Of a .keras file, lookups and hashes are left to the function: give it that"
    )
    assert told.count("give it that") == 1


def test_a_lambda_gets_advice_of_its_own() -> None:
    function = layers.Lambda(lambda x: tf.linalg.det(x)[:, None], name="volume")
    told = complaint(source_of(keras.Input((3, 3)), function))
    assert "MatrixDeterminant of layer 'volume' (Lambda)" in told
    assert "Replace layer 'volume' by a layer class made of keras.ops" in told


def test_operators_of_different_layers_are_told_apart_each_with_its_advice() -> None:
    numbers = keras.Input((3, 3), name="numbers")
    codes = keras.Input((4,), dtype="int64", name="codes")
    lookup = layers.IntegerLookup(vocabulary=[3, 5], name="lookup")(codes)
    joined = layers.Concatenate()(
        [Volume(name="volume")(numbers), layers.Flatten()(layers.Embedding(9, 3)(lookup))]
    )
    model = keras.Model([numbers, codes], layers.Dense(3, activation="softmax")(joined))
    told = complaint(KerasSource(model, "model"))
    assert "MatrixDeterminant of layer 'volume' (Volume)" in told
    assert "of layer 'lookup' (IntegerLookup)" in told
    assert "Replace layer 'volume'" in told
    assert "starts after layer 'lookup'" in told


def test_a_lookup_of_numbers_gets_the_same_advice() -> None:
    told = complaint(
        source_of(
            keras.Input((4,), dtype="int64"),
            layers.IntegerLookup(vocabulary=[3, 5], name="codes"),
            layers.Embedding(9, 3),
            layers.GlobalAveragePooling1D(),
        )
    )
    assert "of layer 'codes' (IntegerLookup)" in told
    assert "must stay outside of the model" in told


@pytest.mark.parametrize("make", [layers.LSTM, layers.GRU, layers.SimpleRNN])
def test_a_recurrent_layer_is_refused_with_what_makes_it_convert(make: Any) -> None:
    told = complaint(source_of(keras.Input((6, 3)), make(4, name="memory")))
    assert "of layer 'memory" in told
    assert "converts when built with unroll=True, on an Input of one length" in told


@pytest.mark.parametrize("make", [layers.LSTM, layers.GRU, layers.SimpleRNN])
def test_an_unrolled_recurrent_layer_converts_and_can_be_quantized(make: Any) -> None:
    keras.utils.set_random_seed(0)
    source = source_of(keras.Input((6, 3)), make(4, unroll=True, name="memory"))
    x = np.random.default_rng(0).random((7, 6, 3), dtype=np.float32)
    ((_, expected),) = source.predict({source.inputs[0].name: x}).items()
    made = fold_batch_shapes(convert_float32(source))
    np.testing.assert_allclose(run(made, x), expected, atol=1e-5)
    small = quantize(made, "dynamic_int8", {})
    np.testing.assert_allclose(run(small, x), expected, atol=0.05)


@pytest.mark.parametrize("half", ["float16", "bfloat16"])
def test_mixed_precision_is_refused_with_what_makes_it_convert(half: str) -> None:
    first = layers.Dense(4, activation="relu", dtype=f"mixed_{half}", name="hidden")
    model = keras.Sequential([keras.Input((4,)), first, layers.Dense(3, activation="softmax")])
    with pytest.raises(ConversionError) as caught:
        convert_float32(KerasSource(model, "model"))
    told = str(caught.value)
    assert told.startswith(f"the model computes in {half}, as mixed precision does")
    names: dict[str, Any] = {"keras": keras, "model": model}
    exec(told.partition("float32: ")[2], names)  # noqa: S102  # what people are told to type
    assert convert_float32(KerasSource(names["copy"], "model"))


def test_a_layer_that_cannot_be_traced_is_refused_with_its_own_words() -> None:
    model = keras.Sequential([keras.Input((4,)), layers.Dense(3)])
    source = KerasSource(model, "model")
    source.model = keras.Sequential([Broken(name="broken"), layers.Dense(3)])
    with pytest.raises(ConversionError, match=r"cannot be run: .*wants real numbers"):
        convert_float32(source)
