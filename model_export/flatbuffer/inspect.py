"""Reads operators, weights and signatures of a TensorFlow Lite flatbuffer."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from model_export.errors import ConversionError
from model_export.flatbuffer.layer_names import layer_of_fused
from tflite_serving.contract.evidence import PrunedLayer
from tflite_serving.contract.tensors import Shape, TensorBinding, TensorDType
from tflite_serving.runtime.interpreter_pool import import_runtime

_WEIGHT_BITS = {
    schema.TensorType.FLOAT32: 32,
    schema.TensorType.FLOAT16: 16,
    schema.TensorType.INT8: 8,
    schema.TensorType.INT4: 4,
}
_WEIGHT_DTYPES = {
    schema.TensorType.FLOAT32: np.float32,
    schema.TensorType.FLOAT16: np.float16,
    schema.TensorType.INT8: np.int8,
}
_OPERATOR_NAMES = {
    code: name for name, code in vars(schema.BuiltinOperator).items() if not name.startswith("_")
}
_TYPE_NAMES = {
    code: name.lower() for name, code in vars(schema.TensorType).items() if not name.startswith("_")
}
_DEQUANTIZE = "DEQUANTIZE"
_ABSENT = -1  # an optional input that is not there
_ROUNDING = 1e-6


@dataclass(frozen=True, slots=True)
class Weights:
    """The constant that an operator multiplies with, of rank 2 or more: no bias, no shape.

    Attributes:
        dtype: such as "int8".
        bits: of one value.
        count: of values.
        zeros: how many of them are zero.
        bytes: that they take.
    """

    dtype: str
    bits: int
    count: int
    zeros: int
    bytes: int

    @property
    def sparsity(self) -> float:
        """Fraction of zeros, 0 to 1."""
        return self.zeros / self.count


@dataclass(frozen=True, slots=True)
class Operator:
    """One operator of the main graph.

    Attributes:
        name: of the tensor that it makes.
        kind: such as "CONV_2D".
        layer: of the Keras model, as a path; None where it is not known.
        weights: None if it has none.
    """

    name: str
    kind: str
    layer: str | None
    weights: Weights | None


@dataclass(frozen=True, slots=True)
class FlatbufferFacts:
    """What a flatbuffer holds.

    Attributes:
        kinds: names of its kinds of operators, sorted.
        custom: names of operators that are not TensorFlow Lite's own, sorted.
        operators: of the main graph, in the order in which they run.
    """

    kinds: tuple[str, ...]
    custom: tuple[str, ...]
    operators: tuple[Operator, ...]

    @property
    def sparsity(self) -> float:
        """Fraction of zeros among all weights, 0 to 1."""
        weights = [operator.weights for operator in self.operators if operator.weights]
        count = sum(found.count for found in weights)
        return sum(found.zeros for found in weights) / count if count else 0.0


def read_model(flatbuffer: bytes) -> Any:
    """The schema's objects of a flatbuffer, every constant in its buffer.

    Large constants may lie behind the flatbuffer, at an offset that is lost when it is written
    again.
    """
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(flatbuffer, 0))
    for buffer in model.buffers:
        if buffer.offset > 1:
            buffer.data = np.frombuffer(
                flatbuffer, dtype=np.uint8, count=buffer.size, offset=buffer.offset
            )
            buffer.offset = buffer.size = 0
    return model


def inspect(flatbuffer: bytes, layers: frozenset[str] = frozenset()) -> FlatbufferFacts:
    """Reads operators and weights.

    Args:
        flatbuffer: of any variant.
        layers: names of the Keras model's layers.
    """
    model = read_model(flatbuffer)
    builtin, custom = set(), set()
    used = {operator.opcodeIndex for graph in model.subgraphs for operator in graph.operators}
    for index in used:
        kind = _OPERATOR_NAMES[_code(model.operatorCodes[index])]
        if kind == "CUSTOM":
            custom.add((model.operatorCodes[index].customCode or b"?").decode())
        else:
            builtin.add(kind)
    return FlatbufferFacts(
        tuple(sorted(builtin | custom)), tuple(sorted(custom)), _operators(model, layers)
    )


def check_zeros(facts: FlatbufferFacts, pruned: Sequence[PrunedLayer], variant: str) -> list[str]:
    """Checks that what training set to zero is zero in the flatbuffer, too.

    Args:
        facts: of the flatbuffer; its zeros are counted in its own buffers, after quantization.
        pruned: what pruning left behind.
        variant: for the complaint.

    Returns:
        names of layers whose weights are not found under their names.

    Raises:
        ConversionError: a layer has fewer zeros than it was pruned to.
    """
    missing = []
    for layer in pruned:
        found = [
            operator.weights.sparsity
            for operator in facts.operators
            if operator.weights and _is_layer(operator.layer, layer.name)
        ]
        if not found:
            missing.append(layer.name)
        # A separable convolution has two kernels, of which one is pruned.
        elif max(found) < layer.sparsity - _ROUNDING:
            raise ConversionError(
                f"{variant}: layer {layer.name!r} was pruned to {layer.sparsity:.1%} zeros, but "
                f"the flatbuffer has {max(found):.1%}; leave it out with prune.exclude"
            )
    return missing


def bindings(
    flatbuffer: bytes, inputs: tuple[str, ...], outputs: tuple[str, ...]
) -> tuple[tuple[TensorBinding, ...], tuple[TensorBinding, ...]]:
    """Binds the model's inputs and outputs, in order, to ``input_0``, … and ``output_0``, ….

    Args:
        flatbuffer: made by `model_export.tf.convert` or quantized from that.
        inputs, outputs: names, in the order of the source model.
    """
    runner = import_runtime().Interpreter(model_content=flatbuffer).get_signature_runner()
    return (
        _bind(runner.get_input_details(), inputs, "input"),
        _bind(runner.get_output_details(), outputs, "output"),
    )


def _bind(
    details: Mapping[str, Mapping[str, Any]], names: tuple[str, ...], kind: str
) -> tuple[TensorBinding, ...]:
    found = []
    for index, name in enumerate(names):
        key = f"{kind}_{index}"
        if key not in details:
            raise ConversionError(f"the converted model lost {kind} {name!r}: it is not used")
        detail = details[key]
        scales, zero_points = (
            detail["quantization_parameters"][part] for part in ("scales", "zero_points")
        )
        if len(scales) > 1:
            raise ConversionError(f"{kind} {name!r} is quantized per channel, which is no {kind}")
        found.append(
            TensorBinding(
                name=name,
                tensor=key,
                dtype=cast("TensorDType", np.dtype(detail["dtype"]).name),
                shape=_shape(detail),
                scale=float(scales[0]) if len(scales) else None,
                zero_point=int(zero_points[0]) if len(scales) else None,
            )
        )
    return tuple(found)


def _shape(detail: Mapping[str, Any]) -> Shape:
    sizes = [None if size < 0 else int(size) for size in detail["shape_signature"]]
    return (None, *sizes[1:])


def builtin_code(model: Any, operator: Any) -> int:
    """Which builtin operator of the schema it is."""
    return _code(model.operatorCodes[operator.opcodeIndex])


def _operators(model: Any, layers: frozenset[str]) -> tuple[Operator, ...]:
    graph = model.subgraphs[0]
    consumers = {index: op for op in graph.operators for index in op.inputs}
    layer_of_tensor: dict[int, str | None] = {}
    counted: set[int] = set()
    found = []
    for operator in graph.operators:
        kind = _OPERATOR_NAMES[builtin_code(model, operator)]
        if not len(operator.outputs):
            continue
        output = operator.outputs[0]
        # Weights that are only dequantized belong to the operator that reads the result.
        reader = consumers.get(output, operator) if kind == _DEQUANTIZE else operator
        weights, names = None, []
        for index in operator.inputs:
            if index == _ABSENT or graph.tensors[index].buffer in counted:
                continue
            read = _weights(model, graph.tensors[index])
            if read is not None:
                # The converter stores equal constants once: they are counted once.
                counted.add(graph.tensors[index].buffer)
                weights = read if weights is None else weights
                names.append(_name(graph.tensors[index]))
        names += [_name(graph.tensors[index]) for index in reader.outputs]
        # One without a layer of its own, such as the last softmax, belongs to what it reads from.
        layer = layer_of_fused(names, layers) or layer_of_tensor.get(operator.inputs[0])
        layer_of_tensor.update(dict.fromkeys(operator.outputs, layer))
        found.append(Operator(_name(graph.tensors[output]), kind, layer, weights))
    return tuple(found)


def _weights(model: Any, tensor: Any) -> Weights | None:
    bits, data = _WEIGHT_BITS.get(tensor.type), model.buffers[tensor.buffer].data
    # Of rank 2 and more: biases and shapes are no weights.
    if bits is None or data is None or len(tensor.shape) < 2:
        return None
    values = np.asarray(data, dtype=np.uint8)
    count = math.prod(int(size) for size in tensor.shape)
    if tensor.sparsity is not None:
        # What is not stored is zero.
        zeros = count - np.count_nonzero(values.view(_WEIGHT_DTYPES[tensor.type]))
        size = values.size + _index_bytes(tensor.sparsity)
        return Weights(_TYPE_NAMES[tensor.type], bits, count, int(zeros), size)
    if tensor.type == schema.TensorType.INT4:
        # Two to a byte, the lower half first.
        zeros = np.count_nonzero(np.stack([values & 15, values >> 4], axis=-1).ravel()[:count] == 0)
    else:
        zeros = count - np.count_nonzero(values.view(_WEIGHT_DTYPES[tensor.type]))
    return Weights(_TYPE_NAMES[tensor.type], bits, count, int(zeros), values.size)


def _index_bytes(sparsity: Any) -> int:
    vectors = [
        vector
        for dimension in sparsity.dimMetadata
        for vector in (dimension.arraySegments, dimension.arrayIndices)
        if vector is not None
    ]
    return sum(np.asarray(vector.values).nbytes for vector in vectors)


def _code(code: Any) -> int:
    # The old field holds codes up to 126 only; the new one is 0 in old files.
    return max(int(code.builtinCode), int(code.deprecatedBuiltinCode))


def _name(tensor: Any) -> str:
    return bytes(tensor.name or b"").decode(errors="replace")


def _is_layer(path: str | None, layer: str) -> bool:
    """Whether a path in the flatbuffer means the layer: a nested model may add scopes."""
    return path is not None and (path == layer or path.endswith(f"/{layer}"))
