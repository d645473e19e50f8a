"""A slimmed flatbuffer is smaller, and the same model."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from model_export.flatbuffer.deduplicate import slim
from model_export.flatbuffer.fold_batch_size import fold_batch_shapes
from model_export.flatbuffer.inspect import bindings, inspect
from model_export.recipe.variants import DENSE, VariantName
from tests.support.models import tiny
from tests.support.models.litert import Graph, parse, run

VARIANTS = DENSE
LAYERS = frozenset({"edges", "norm", "depth", "shrink", "flat", "hidden", "shape"})


@pytest.fixture
def conv(converted: Callable[[str], bytes]) -> Callable[[VariantName], bytes]:
    """Variants of the convolutional test model, as the quantizer writes them."""
    from tests.support.models import keras_models

    float32 = fold_batch_shapes(converted("conv"))
    return lambda variant: tiny.quantized(variant, float32, keras_models.bars(60, 0))


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_answers_are_the_same_to_the_last_bit_and_the_file_is_smaller(
    conv: Callable[[VariantName], bytes], variant: VariantName
) -> None:
    from tests.support.models import keras_models

    made = conv(variant)
    slimmed = slim(made, inspect(made, LAYERS))
    (x,) = keras_models.bars(30, 9).inputs.values()
    np.testing.assert_array_equal(run(slimmed, x), run(made, x))
    assert len(slimmed) < len(made)


@pytest.mark.parametrize("variant", VARIANTS)
def test_operators_weights_and_bindings_stay_what_they_were(
    conv: Callable[[VariantName], bytes], variant: VariantName
) -> None:
    made = conv(variant)
    slimmed = slim(made, inspect(made, LAYERS))
    before, after = inspect(made), inspect(slimmed)
    assert after.kinds == before.kinds
    assert after.sparsity == before.sparsity
    assert [op.weights for op in after.operators] == [op.weights for op in before.operators]
    names = (("pixels",), ("shape",))
    assert bindings(slimmed, *names) == bindings(made, *names)


def test_tensors_are_named_after_their_layers(conv: Callable[[VariantName], bytes]) -> None:
    made = conv("static_int8")
    model = parse(slim(made, inspect(made, LAYERS)))
    (graph,) = model.subgraphs
    names = {graph.tensors[op.outputs[0]].name.decode() for op in graph.operators}
    assert names <= LAYERS | {""}
    assert {"edges", "hidden", "shape"} <= names


def test_weights_are_aligned_as_the_format_asks(conv: Callable[[VariantName], bytes]) -> None:
    made = conv("static_int8")
    root = schema.Model.GetRootAs(slim(made, inspect(made)), 0)
    places = [_place(root.Buffers(index)) for index in range(root.BuffersLength())]
    assert any(place is not None for place in places)
    assert all(place is None or place % 16 == 0 for place in places)


def test_equal_vectors_are_written_once() -> None:
    # 256 channels, whose zero points are eight bytes each, for weights and nothing else.
    weights = np.random.default_rng(0).normal(size=(256, tiny.FEATURES)).astype(np.float32)
    made = tiny.quantized("weight_int8", tiny.flatbuffer(weights))
    twice = parse(made)
    spare = schema.TensorT()
    spare.name, spare.shape = b"spare", np.array([256, 4], np.int32)
    spare.buffer, spare.type = 0, schema.TensorType.INT8
    spare.quantization = next(
        t.quantization
        for t in twice.subgraphs[0].tensors
        if t.quantization and t.quantization.scale is not None and len(t.quantization.scale) == 256
    )
    twice.subgraphs[0].tensors.append(spare)
    from tests.support.models.litert import pack

    larger = pack(twice)
    assert len(larger) - len(made) > 256 * 12
    grown = len(slim(larger, inspect(larger))) - len(slim(made, inspect(made)))
    assert grown < 256


def test_constants_that_lie_behind_the_flatbuffer_are_taken_in() -> None:
    # As the quantizer writes models beyond some size.
    rng = np.random.default_rng(0)
    weights = rng.normal(size=(1040, 256)).astype(np.float32)
    graph = Graph()
    x, y = graph.tensor((-1, 256)), graph.tensor((-1, 1040))
    graph.operator(
        schema.BuiltinOperator.FULLY_CONNECTED,
        [x, graph.constant(weights), -1],
        [y],
        schema.FullyConnectedOptionsT(),
    )
    made = tiny.quantized("dynamic_int8", graph.build([x], [y]))
    assert any(buffer.offset > 1 for buffer in parse(made).buffers)
    slimmed = slim(made, inspect(made))
    values = rng.normal(size=(2, 256)).astype(np.float32)
    np.testing.assert_array_equal(run(slimmed, values), run(made, values))
    (operator,) = inspect(made).operators
    assert operator.weights is not None
    assert operator.weights.count == weights.size


def test_the_same_bytes_come_out_each_time(conv: Callable[[VariantName], bytes]) -> None:
    made = conv("static_int8")
    facts = inspect(made, LAYERS)
    assert slim(made, facts) == slim(made, facts)


def _place(buffer: Any) -> int | None:
    if buffer.DataIsNone():
        return None
    table = buffer._tab
    return int(table.Vector(table.Offset(4)))
