"""Batch arithmetic is folded where it is what Keras writes, and left alone where it is not."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from model_export.flatbuffer.fold_batch_size import fold_batch_shapes
from model_export.flatbuffer.inspect import bindings, inspect
from tests.support.models import tiny
from tests.support.models.litert import Graph, pack, parse, run

ARITHMETIC = {"SHAPE", "STRIDED_SLICE", "PACK"}
INT32 = schema.TensorType.INT32
Op = schema.BuiltinOperator


def flattening(
    *,
    begin: int = 0,
    end: int = 1,
    step: int = 1,
    pack_first: bool = True,
    batch: bool = True,
    reader: bool = False,
) -> bytes:
    """``reshape(x, [shape(x)[begin:end:step], 6])`` of [batch, 2, 3], as the converter writes it.

    Args:
        begin, end, step: of the slice.
        pack_first: whether the slice is the first size, and not the second.
        batch: whether the other size is a constant, and not a second slice.
        reader: whether the graph gives the packed shape as its second output.
    """
    graph = Graph()
    x, asked = graph.tensor((-1, 2, 3)), graph.tensor((3,), INT32)
    shape = schema.ShapeOptionsT()
    shape.outType = INT32
    graph.operator(Op.SHAPE, [x], [asked], shape)
    bounds = [graph.constant(np.array([value], np.int32)) for value in (begin, end, step)]
    size = graph.tensor((), INT32)
    options = schema.StridedSliceOptionsT()
    options.shrinkAxisMask = 1
    graph.operator(Op.STRIDED_SLICE, [asked, *bounds], [size], options)
    six = graph.constant(np.array(6, np.int32)) if batch else size
    packed = graph.tensor((2,), INT32)
    pack_options = schema.PackOptionsT()
    pack_options.valuesCount = 2
    graph.operator(Op.PACK, [size, six] if pack_first else [six, size], [packed], pack_options)
    flat, scores = graph.tensor((-1, 6)), graph.tensor((-1, 6))
    graph.operator(Op.RESHAPE, [x, packed], [flat], schema.ReshapeOptionsT())
    softmax = schema.SoftmaxOptionsT()
    softmax.beta = 1.0
    graph.operator(Op.SOFTMAX, [flat], [scores], softmax)
    return graph.build([x], [scores, packed] if reader else [scores])


def operators(flatbuffer: bytes) -> set[str]:
    return set(inspect(flatbuffer).kinds)


def test_a_flatten_loses_its_arithmetic_and_answers_the_same() -> None:
    before = flattening()
    after = fold_batch_shapes(before)
    assert operators(before) == {*ARITHMETIC, "RESHAPE", "SOFTMAX"}
    assert operators(after) == {"RESHAPE", "SOFTMAX"}
    x = np.random.default_rng(0).random((7, 2, 3), dtype=np.float32)
    for batch in (1, 7):
        np.testing.assert_array_equal(run(after, x[:batch]), run(before, x[:batch]))


@pytest.mark.parametrize("batch", [1, 7])
def test_a_converted_keras_model_loses_its_arithmetic_and_answers_the_same(
    converted: Callable[[str], bytes], batch: int
) -> None:
    from tests.support.models.keras_models import bars

    before = converted("conv")
    after = fold_batch_shapes(before)
    assert operators(before) >= ARITHMETIC
    assert not operators(after) & ARITHMETIC
    assert operators(after) == operators(before) - ARITHMETIC
    x = bars(batch, 3).inputs["pixels"]
    np.testing.assert_array_equal(run(after, x), run(before, x))


def test_a_folded_keras_model_stays_in_one_piece_when_it_is_quantized(
    converted: Callable[[str], bytes],
) -> None:
    from tests.support.models.keras_models import bars

    split = bars(60, 0)
    folded = fold_batch_shapes(converted("conv"))
    made = tiny.quantized("full_int8", folded, split)
    assert not operators(made) & {*ARITHMETIC, "QUANTIZE", "DEQUANTIZE"}
    x = bars(7, 3).inputs["pixels"]
    np.testing.assert_allclose(run(made, x), run(folded, x), atol=0.1)
    np.testing.assert_allclose(run(made, x[:1]), run(made, x)[:1], atol=1e-6)


def test_reshape_layers_lose_their_arithmetic() -> None:
    import keras

    from model_export.tf.convert import convert_float32
    from model_export.tf.source import KerasSource

    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((12,)),
            keras.layers.Reshape((2, 6)),
            keras.layers.Conv1D(4, 1),
            keras.layers.Reshape((8,)),
            keras.layers.Dense(3, activation="softmax"),
        ]
    )
    before = convert_float32(KerasSource(model, "model"))
    after = fold_batch_shapes(before)
    assert operators(before) >= ARITHMETIC
    assert not operators(after) & ARITHMETIC
    x = np.random.default_rng(0).random((7, 12), dtype=np.float32)
    np.testing.assert_array_equal(run(after, x), run(before, x))
    np.testing.assert_allclose(run(after, x), np.asarray(model(x)), atol=1e-6)


def test_a_model_with_several_inputs_keeps_them_and_its_signature() -> None:
    from model_export.tf.convert import convert_float32
    from model_export.tf.source import KerasSource
    from tests.support.models import keras_models

    model = keras_models.two_inputs()
    before = convert_float32(KerasSource(model, "model"))
    after = fold_batch_shapes(before)
    assert operators(before) >= ARITHMETIC
    assert not operators(after) & ARITHMETIC
    names = ("pixels", "features")
    inputs, _ = bindings(after, names, ("scores",))
    assert [binding.shape for binding in inputs] == [(None, 6, 6, 1), (None, 4)]
    split = keras_models.pairs(7, 3)
    arrays = [split.inputs[name] for name in names]
    np.testing.assert_allclose(run(after, *arrays), keras_models.answers(model, *arrays), atol=1e-6)


def test_a_model_without_the_pattern_stays_the_same_bytes() -> None:
    flatbuffer = tiny.flatbuffer()
    assert fold_batch_shapes(flatbuffer) is flatbuffer


@pytest.mark.parametrize(
    "flatbuffer",
    [
        pytest.param(flattening(begin=1, end=2), id="another axis"),
        pytest.param(flattening(end=2), id="more than the batch"),
        pytest.param(flattening(begin=2, end=1, step=-1), id="backwards"),
        pytest.param(flattening(pack_first=False), id="the batch second"),
        pytest.param(flattening(batch=False), id="two sizes unknown"),
    ],
)
def test_a_reshape_that_is_something_else_is_left_alone(flatbuffer: bytes) -> None:
    assert fold_batch_shapes(flatbuffer) is flatbuffer


def test_arithmetic_that_something_else_reads_stays() -> None:
    before = flattening(reader=True)
    after = fold_batch_shapes(before)
    assert operators(after) >= ARITHMETIC
    x = np.random.default_rng(0).random((5, 2, 3), dtype=np.float32)
    np.testing.assert_array_equal(run(after, x), run(before, x))
    model = parse(after)
    shapes = [model.subgraphs[0].tensors[index] for index in model.subgraphs[0].outputs]
    assert [tensor.type for tensor in shapes] == [schema.TensorType.FLOAT32, INT32]


def test_an_operator_that_only_has_an_effect_stays() -> None:
    model = parse(flattening())
    effect = schema.OperatorT()
    effect.opcodeIndex = 0
    effect.inputs, effect.outputs = [0], []
    model.subgraphs[0].operators.insert(0, effect)
    after = parse(fold_batch_shapes(pack(model)))
    assert [len(operator.outputs) for operator in after.subgraphs[0].operators] == [0, 1, 1]


def test_a_model_with_several_graphs_is_left_alone() -> None:
    model = parse(flattening())
    model.subgraphs.append(model.subgraphs[0])
    flatbuffer = pack(model)
    assert fold_batch_shapes(flatbuffer) is flatbuffer
