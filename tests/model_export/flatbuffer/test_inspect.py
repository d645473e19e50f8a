"""What a flatbuffer says of itself."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from hypothesis import given
from hypothesis import strategies as st

from model_export.dataset.splits import Split
from model_export.errors import ConversionError
from model_export.flatbuffer.fold_batch_size import fold_batch_shapes
from model_export.flatbuffer.inspect import FlatbufferFacts, Weights, bindings, check_zeros, inspect
from model_export.recipe.variants import VariantName
from tests.support.models import tiny
from tests.support.models.litert import Graph, pack, parse
from tflite_serving.contract.evidence import PrunedLayer

Op = schema.BuiltinOperator


def test_operators_are_named_and_sorted() -> None:
    facts = inspect(tiny.flatbuffer())
    assert facts.kinds == ("FULLY_CONNECTED", "SOFTMAX")
    assert facts.custom == ()


def test_operators_of_quantization_are_seen() -> None:
    assert inspect(tiny.quantized("static_int8")).kinds == (
        "DEQUANTIZE",
        "FULLY_CONNECTED",
        "QUANTIZE",
        "SOFTMAX",
    )


def test_an_operator_beyond_the_old_fields_range_is_named() -> None:
    graph = Graph()
    x, y = graph.tensor((-1, 4)), graph.tensor((-1, 4))
    graph.operator(Op.GELU, [x], [y], schema.GeluOptionsT())
    assert Op.GELU > 127
    assert inspect(graph.build([x], [y])).kinds == ("GELU",)


def test_an_operator_that_is_declared_and_not_used_does_not_count() -> None:
    graph = Graph()
    x, y = graph.tensor((-1, 4)), graph.tensor((-1, 4))
    graph.operator(Op.SOFTMAX, [x], [y], schema.SoftmaxOptionsT())
    model = parse(graph.build([x], [y]))
    unused = schema.OperatorCodeT()
    unused.builtinCode = unused.deprecatedBuiltinCode = Op.CUSTOM
    unused.customCode = b"FlexErf"
    model.operatorCodes.append(unused)
    assert inspect(pack(model)).kinds == ("SOFTMAX",)


def test_an_operator_that_is_not_tensorflow_lites_own_is_told_apart() -> None:
    graph = Graph()
    x, y = graph.tensor((-1, 4)), graph.tensor((-1, 4))
    graph.operator(Op.CUSTOM, [x], [y])
    model = parse(graph.build([x], [y]))
    model.operatorCodes[0].customCode = b"FlexErf"
    facts = inspect(pack(model))
    assert facts.custom == ("FlexErf",)
    assert "FlexErf" in facts.kinds


STORED: dict[VariantName, tuple[str, int]] = {
    "float32": ("float32", 32),
    "float16": ("float16", 16),
    "weight_int8": ("int8", 8),
    "weight_int4": ("int4", 4),
    "dynamic_int8": ("int8", 8),
    "static_int8": ("int8", 8),
    "full_int8": ("int8", 8),
}


@pytest.mark.parametrize("variant", STORED)
@pytest.mark.parametrize("inputs", [32, 33])
def test_weights_are_counted_in_every_variant(variant: VariantName, inputs: int) -> None:
    # Of 33 inputs to 3 outputs, the last half of a byte is left over in four bits.
    float32, zeros = dense(inputs, 3)
    facts = inspect(tiny.quantized(variant, float32, examples(inputs)))
    (weights,) = [operator.weights for operator in facts.operators if operator.weights]
    dtype, bits = STORED[variant]
    size = -(-inputs * 3 * bits // 8)
    assert weights == Weights(dtype, bits, inputs * 3, zeros, size)
    assert facts.sparsity == weights.sparsity == zeros / (inputs * 3)


def dense(inputs: int, outputs: int) -> tuple[bytes, int]:
    """A fully connected layer with every third weight zero, and how many these are."""
    weights = np.full(outputs * inputs, 0.5, np.float32)
    weights[::2] = -0.75
    weights[::3] = 0
    graph = Graph()
    x, y = graph.tensor((-1, inputs)), graph.tensor((-1, outputs))
    constant = graph.constant(weights.reshape(outputs, inputs))
    options = schema.FullyConnectedOptionsT()
    graph.operator(Op.FULLY_CONNECTED, [x, constant, -1], [y], options)
    return graph.build([x], [y]), int(np.sum(weights == 0))


def examples(inputs: int) -> Split:
    x = np.random.default_rng(0).random((9, inputs), dtype=np.float32)
    return Split({"x": x}, np.zeros(9, np.int64))


@given(st.lists(st.integers(-8, 7), min_size=1, max_size=40))
def test_zeros_in_four_bits_are_counted_whatever_is_beside_them(values: list[int]) -> None:
    graph = Graph()
    x, y = graph.tensor((-1, len(values))), graph.tensor((-1, 1))
    packed = [value & 15 for value in values] + [0] * (len(values) % 2)
    halves = np.array(packed, np.uint8)
    weights = graph.constant((halves[::2] | halves[1::2] << 4).view(np.int8))
    options = schema.FullyConnectedOptionsT()
    graph.operator(Op.FULLY_CONNECTED, [x, weights, -1], [y], options)
    model = parse(graph.build([x], [y]))
    model.subgraphs[0].tensors[weights].type = schema.TensorType.INT4
    model.subgraphs[0].tensors[weights].shape = [1, len(values)]
    ((found,),) = [[o.weights] for o in inspect(pack(model)).operators]
    assert found == Weights("int4", 4, len(values), values.count(0), len(halves) // 2)


def test_constants_that_two_operators_share_are_counted_once() -> None:
    graph = Graph()
    x, y, z = (graph.tensor((-1, 4)) for _ in range(3))
    shared = graph.constant(np.eye(4, dtype=np.float32))
    alone = graph.constant(np.ones((4, 4), np.float32))
    options = schema.FullyConnectedOptionsT()
    w = graph.tensor((-1, 4))
    graph.operator(Op.FULLY_CONNECTED, [x, shared, -1], [y], options)
    graph.operator(Op.FULLY_CONNECTED, [y, shared, -1], [z], options)
    graph.operator(Op.FULLY_CONNECTED, [z, alone, -1], [w], options)
    facts = inspect(graph.build([x], [w]))
    assert [o.weights is not None for o in facts.operators] == [True, False, True]
    assert facts.sparsity == 12 / 32


def test_biases_and_shapes_are_no_weights() -> None:
    graph = Graph()
    x, y, z = (graph.tensor((-1, 4)) for _ in range(3))
    weights = graph.constant(np.ones((4, 4), np.float32))
    bias = graph.constant(np.zeros(4, np.float32))
    graph.operator(
        Op.FULLY_CONNECTED,
        [x, weights, bias],
        [y],
        schema.FullyConnectedOptionsT(),
    )
    sizes = graph.constant(np.zeros((1, 2), np.int32))
    graph.operator(Op.RESHAPE, [y, sizes], [z])
    assert inspect(graph.build([x], [z])).sparsity == 0.0


def test_a_model_without_weights_is_not_sparse() -> None:
    graph = Graph()
    x, y = graph.tensor((-1, 4)), graph.tensor((-1, 4))
    graph.operator(Op.SOFTMAX, [x], [y], schema.SoftmaxOptionsT())
    assert inspect(graph.build([x], [y])).sparsity == 0.0


def test_a_float_tensor_is_bound_without_scale() -> None:
    (input_,), (output,) = bindings(tiny.flatbuffer(), ("features",), ("species",))
    assert (input_.name, input_.tensor, input_.dtype) == ("features", "input_0", "float32")
    assert (input_.shape, input_.scale, input_.zero_point) == ((None, 4), None, None)
    assert (output.name, output.tensor, output.shape) == ("species", "output_0", (None, 3))


def test_a_quantized_tensor_is_bound_with_scale_and_zero_point() -> None:
    made = tiny.quantized("full_int8")
    (input_,), (output,) = bindings(made, ("features",), ("species",))
    assert input_.dtype == output.dtype == "int8"
    # 0 to 1 over 256 steps; softmax's scale and zero point are fixed by TensorFlow Lite.
    x = tiny.examples().inputs["features"]
    assert input_.scale == pytest.approx(x.max() / 255, rel=0.01)
    assert input_.zero_point == -128
    assert (output.scale, output.zero_point) == (1 / 256, -128)
    np.testing.assert_allclose(input_.to_natural(input_.to_tensor(x)), x, atol=input_.scale or 0)


def test_several_tensors_are_bound_in_order() -> None:
    graph = Graph()
    a, b, total = graph.tensor((-1, 2)), graph.tensor((-1, 2)), graph.tensor((-1, 2))
    graph.operator(Op.ADD, [a, b], [total], schema.AddOptionsT())
    inputs, _ = bindings(graph.build([a, b], [total]), ("left", "right"), ("sum",))
    assert [(binding.name, binding.tensor) for binding in inputs] == [
        ("left", "input_0"),
        ("right", "input_1"),
    ]


def test_an_input_that_the_conversion_lost_is_named() -> None:
    with pytest.raises(ConversionError, match="lost input 'age': it is not used"):
        bindings(tiny.flatbuffer(), ("features", "age"), ("species",))


def separated() -> Any:
    """A separable convolution, and one with its normalisation folded into it."""
    import keras

    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((6, 6, 2), name="x"),
            layers.SeparableConv2D(4, 3, name="separated"),
            layers.Conv2D(5, 3, use_bias=False, name="mixed_1"),
            layers.BatchNormalization(name="norm"),
            layers.ReLU(name="rectified"),
            layers.Flatten(name="flat"),
            layers.Dense(3, activation="softmax", name="last"),
        ]
    )


def attentive() -> Any:
    """Attention, whose four projections are layers within a layer."""
    import keras

    layers = keras.layers
    x = keras.Input((5, 8), name="x")
    attended = layers.MultiHeadAttention(2, 4, name="attention")(x, x)
    mean = layers.GlobalAveragePooling1D(name="mean")(attended)
    return keras.Model(x, layers.Dense(3, activation="softmax", name="last")(mean))


def nested() -> Any:
    """A model within a model."""
    import keras

    layers = keras.layers
    inner = keras.Sequential(
        [
            keras.Input((4,)),
            layers.Dense(7, activation="relu", name="volume"),
            layers.Dense(5, name="depth"),
        ],
        name="block",
    )
    x = keras.Input((4,), name="x")
    return keras.Model(x, layers.Dense(3, activation="softmax", name="last")(inner(x)))


LAYERS: dict[Callable[[], Any], dict[str, list[int]]] = {
    separated: {"separated": [18, 8], "mixed_1": [180], "last": [60]},
    attentive: {
        "attention/key": [64],
        "attention/query": [64],
        "attention/value": [64],
        "attention/attention_output": [64],
        "last": [24],
    },
    nested: {"block/volume": [28], "block/depth": [35], "last": [15]},
}
Facts = dict[VariantName, FlatbufferFacts]


@pytest.fixture(scope="module", params=LAYERS, ids=lambda make: make.__name__)
def converted_layers(request: pytest.FixtureRequest) -> tuple[dict[str, list[int]], Facts]:
    """Every variant of a Keras model, and how many weights its layers have."""
    import keras

    from model_export.tf.convert import convert_float32
    from model_export.tf.source import KerasSource

    keras.utils.set_random_seed(0)
    source = KerasSource(request.param(), "model")
    float32 = fold_batch_shapes(convert_float32(source))
    (shape,) = [info.shape for info in source.inputs]
    x = np.random.default_rng(0).random((8, *(size or 1 for size in shape[1:])), dtype=np.float32)
    split = Split({"x": x}, np.zeros(8, np.int64))
    facts = {
        v: inspect(tiny.quantized(v, float32, split), frozenset(source.layers)) for v in STORED
    }
    return LAYERS[request.param], facts


@pytest.mark.parametrize("variant", STORED)
def test_the_weights_of_keras_layers_are_found_under_their_names_in_every_variant(
    converted_layers: tuple[dict[str, list[int]], Facts], variant: VariantName
) -> None:
    expected, facts = converted_layers
    found: dict[str | None, list[int]] = {}
    for operator in facts[variant].operators:
        if operator.weights:
            found.setdefault(operator.layer, []).append(operator.weights.count)
    assert found == expected


def test_an_operator_without_weights_belongs_to_the_layer_that_it_is_of(
    converted_layers: tuple[dict[str, list[int]], Facts],
) -> None:
    last = converted_layers[1]["float32"].operators[-1]
    assert (last.kind, last.layer) == ("SOFTMAX", "last")


def test_what_has_no_layer_is_said_to_have_none(
    converted_layers: tuple[dict[str, list[int]], Facts],
) -> None:
    first = converted_layers[1]["static_int8"].operators[0]
    assert (first.kind, first.layer) == ("QUANTIZE", None)


@pytest.mark.parametrize("variant", STORED)
def test_zeros_that_survive_are_accepted_by_layer(variant: VariantName) -> None:
    float32, zeros = dense(33, 3)
    facts = inspect(named(tiny.quantized(variant, float32, examples(33)), "model/hidden/MatMul"))
    assert check_zeros(facts, [PrunedLayer("hidden", zeros / 99)], variant) == []


@pytest.mark.parametrize("variant", STORED)
def test_zeros_that_are_lost_are_refused_by_layer(variant: VariantName) -> None:
    float32, zeros = dense(33, 3)
    facts = inspect(named(tiny.quantized(variant, float32, examples(33)), "model/hidden/MatMul"))
    with pytest.raises(ConversionError) as caught:
        check_zeros(facts, [PrunedLayer("hidden", (zeros + 1) / 99)], variant)
    assert str(caught.value) == (
        f"{variant}: layer 'hidden' was pruned to 34.3% zeros, but the flatbuffer has 33.3%; "
        "leave it out with prune.exclude"
    )


def test_a_pruned_layer_that_is_not_found_is_told() -> None:
    facts = inspect(named(dense(33, 3)[0], "model/hidden/MatMul"))
    pruned = [PrunedLayer("gone", 0.9), PrunedLayer("hidden", 0.3), PrunedLayer("idden", 0.9)]
    assert check_zeros(facts, pruned, "float32") == ["gone", "idden"]


def test_a_layer_is_found_within_the_scopes_that_a_nested_model_adds() -> None:
    facts = inspect(named(dense(33, 3)[0], "model/block/hidden/MatMul"))
    assert check_zeros(facts, [PrunedLayer("hidden", 0.3)], "float32") == []
    with pytest.raises(ConversionError, match="layer 'hidden' was pruned to"):
        check_zeros(facts, [PrunedLayer("hidden", 0.5)], "float32")


def test_of_two_kernels_of_a_layer_one_must_have_the_zeros() -> None:
    graph = Graph()
    tensors = [graph.tensor((-1, 4)) for _ in range(3)]
    kernels = [np.ones((4, 4), np.float32), np.eye(4, dtype=np.float32)]
    for kernel, (before, after) in zip(kernels, pairwise(tensors), strict=True):
        weights = graph.constant(kernel)
        options = schema.FullyConnectedOptionsT()
        graph.operator(Op.FULLY_CONNECTED, [before, weights, -1], [after], options)
    facts = inspect(named(graph.build([tensors[0]], [tensors[2]]), "model/hidden/MatMul"))
    assert check_zeros(facts, [PrunedLayer("hidden", 0.75)], "float32") == []
    with pytest.raises(ConversionError, match=r"pruned to 80\.0% zeros, .* has 75\.0%"):
        check_zeros(facts, [PrunedLayer("hidden", 0.8)], "float32")


def named(flatbuffer: bytes, name: str) -> bytes:
    """The same with this name for what every operator makes."""
    model = parse(flatbuffer)
    graph = model.subgraphs[0]
    for operator in graph.operators:
        graph.tensors[operator.outputs[0]].name = name.encode()
    return pack(model)
