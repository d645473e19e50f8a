"""What a flatbuffer says of itself."""

from __future__ import annotations

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from model_export.errors import ConversionError
from model_export.flatbuffer import bindings, inspect
from model_export.quantize import quantize
from tests.support import tiny
from tests.support.litert import Graph, pack, parse

SPARSE = np.array(
    [[2.0, 0.0, 0.5, 0.0], [0.0, 2.0, 0.0, 0.0], [0.0, 0.5, -1.0, 2.0]], dtype=np.float32
)


def test_operators_are_named_and_sorted() -> None:
    facts = inspect(tiny.flatbuffer())
    assert facts.operators == ("FULLY_CONNECTED", "SOFTMAX")
    assert facts.custom == ()


def test_operators_of_quantization_are_seen() -> None:
    assert inspect(quantize(tiny.flatbuffer(), "static_int8", tiny.examples())).operators == (
        "DEQUANTIZE",
        "FULLY_CONNECTED",
        "QUANTIZE",
        "SOFTMAX",
    )


def test_an_operator_beyond_the_old_fields_range_is_named() -> None:
    graph = Graph()
    x, y = graph.tensor((-1, 4)), graph.tensor((-1, 4))
    graph.operator(schema.BuiltinOperator.GELU, [x], [y], schema.GeluOptionsT())
    assert schema.BuiltinOperator.GELU > 127
    assert inspect(graph.build([x], [y])).operators == ("GELU",)


def test_an_operator_that_is_declared_and_not_used_does_not_count() -> None:
    graph = Graph()
    x, y = graph.tensor((-1, 4)), graph.tensor((-1, 4))
    graph.operator(schema.BuiltinOperator.SOFTMAX, [x], [y], schema.SoftmaxOptionsT())
    model = parse(graph.build([x], [y]))
    unused = schema.OperatorCodeT()
    unused.builtinCode = unused.deprecatedBuiltinCode = schema.BuiltinOperator.CUSTOM
    unused.customCode = b"FlexErf"
    model.operatorCodes.append(unused)
    assert inspect(pack(model)).operators == ("SOFTMAX",)


def test_an_operator_that_is_not_tensorflow_lites_own_is_told_apart() -> None:
    graph = Graph()
    x, y = graph.tensor((-1, 4)), graph.tensor((-1, 4))
    graph.operator(schema.BuiltinOperator.CUSTOM, [x], [y])
    model = parse(graph.build([x], [y]))
    model.operatorCodes[0].customCode = b"FlexErf"
    facts = inspect(pack(model))
    assert facts.custom == ("FlexErf",)
    assert "FlexErf" in facts.operators


@pytest.mark.parametrize(
    "variant", ["float32", "float16", "weight_int8", "dynamic_int8", "static_int8", "full_int8"]
)
def test_zeros_among_the_weights_are_counted_in_every_variant(variant: str) -> None:
    made = quantize(tiny.flatbuffer(SPARSE), variant, tiny.examples())  # type: ignore[arg-type]  # a parameter
    assert inspect(made).sparsity == 0.5


def test_biases_and_shapes_are_no_weights() -> None:
    graph = Graph()
    x, y, z = (graph.tensor((-1, 4)) for _ in range(3))
    weights = graph.constant(np.ones((4, 4), np.float32))
    bias = graph.constant(np.zeros(4, np.float32))
    graph.operator(
        schema.BuiltinOperator.FULLY_CONNECTED,
        [x, weights, bias],
        [y],
        schema.FullyConnectedOptionsT(),
    )
    sizes = graph.constant(np.zeros((1, 2), np.int32))
    graph.operator(schema.BuiltinOperator.RESHAPE, [y, sizes], [z])
    assert inspect(graph.build([x], [z])).sparsity == 0.0


def test_a_model_without_weights_is_not_sparse() -> None:
    graph = Graph()
    x, y = graph.tensor((-1, 4)), graph.tensor((-1, 4))
    graph.operator(schema.BuiltinOperator.SOFTMAX, [x], [y], schema.SoftmaxOptionsT())
    assert inspect(graph.build([x], [y])).sparsity == 0.0


def test_a_float_tensor_is_bound_without_scale() -> None:
    (input_,), (output,) = bindings(tiny.flatbuffer(), ("features",), ("species",))
    assert (input_.name, input_.tensor, input_.dtype) == ("features", "input_0", "float32")
    assert (input_.shape, input_.scale, input_.zero_point) == ((None, 4), None, None)
    assert (output.name, output.tensor, output.shape) == ("species", "output_0", (None, 3))


def test_a_quantized_tensor_is_bound_with_scale_and_zero_point() -> None:
    examples = tiny.examples()
    made = quantize(tiny.flatbuffer(), "full_int8", examples)
    (input_,), (output,) = bindings(made, ("features",), ("species",))
    assert input_.dtype == output.dtype == "int8"
    # 0 to 1 over 256 steps; softmax's scale and zero point are fixed by TensorFlow Lite.
    x = examples.inputs["features"]
    assert input_.scale == pytest.approx(x.max() / 255, rel=0.01)
    assert input_.zero_point == -128
    assert (output.scale, output.zero_point) == (1 / 256, -128)
    np.testing.assert_allclose(input_.to_natural(input_.to_tensor(x)), x, atol=input_.scale or 0)


def test_several_tensors_are_bound_in_order() -> None:
    graph = Graph()
    a, b, total = graph.tensor((-1, 2)), graph.tensor((-1, 2)), graph.tensor((-1, 2))
    graph.operator(schema.BuiltinOperator.ADD, [a, b], [total], schema.AddOptionsT())
    inputs, _ = bindings(graph.build([a, b], [total]), ("left", "right"), ("sum",))
    assert [(binding.name, binding.tensor) for binding in inputs] == [
        ("left", "input_0"),
        ("right", "input_1"),
    ]


def test_an_input_that_the_conversion_lost_is_named() -> None:
    with pytest.raises(ConversionError, match="lost input 'age': it is not used"):
        bindings(tiny.flatbuffer(), ("features", "age"), ("species",))
