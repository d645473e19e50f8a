"""Reads what a TensorFlow Lite flatbuffer says of itself. No TensorFlow needed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from model_export.errors import ConversionError
from tflite_serving.contract.tensors import Shape, TensorBinding, TensorDType
from tflite_serving.model import import_runtime

_DTYPES = {
    schema.TensorType.FLOAT32: np.float32,
    schema.TensorType.FLOAT16: np.float16,
    schema.TensorType.INT8: np.int8,
}
_OPERATOR_NAMES = {
    code: name for name, code in vars(schema.BuiltinOperator).items() if not name.startswith("_")
}


@dataclass(frozen=True, slots=True)
class FlatbufferFacts:
    """What a flatbuffer holds.

    Attributes:
        operators: names of its operators, sorted.
        custom: names of operators that are not TensorFlow Lite's own, sorted.
        sparsity: fraction of zeros among the weights, 0 to 1.
    """

    operators: tuple[str, ...]
    custom: tuple[str, ...]
    sparsity: float


def inspect(flatbuffer: bytes) -> FlatbufferFacts:
    """Reads operators and weights."""
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(flatbuffer, 0))
    builtin, custom = set(), set()
    used = {operator.opcodeIndex for graph in model.subgraphs for operator in graph.operators}
    for code in (model.operatorCodes[index] for index in used):
        # The old field holds codes up to 126 only; the new one is 0 in old files.
        number = max(code.builtinCode, code.deprecatedBuiltinCode)
        if number == schema.BuiltinOperator.CUSTOM:
            custom.add((code.customCode or b"?").decode())
        else:
            builtin.add(_OPERATOR_NAMES[number])
    return FlatbufferFacts(tuple(sorted(builtin | custom)), tuple(sorted(custom)), _sparsity(model))


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


def _sparsity(model: Any) -> float:
    zeros = weights = 0
    for graph in model.subgraphs:
        for tensor in graph.tensors:
            dtype = _DTYPES.get(tensor.type)
            data = model.buffers[tensor.buffer].data
            # Of rank 2 and more: biases and shapes are no weights.
            if dtype is None or data is None or len(tensor.shape) < 2:
                continue
            values = np.asarray(data, dtype=np.uint8).view(dtype)
            zeros += int(values.size - np.count_nonzero(values))
            weights += values.size
    return zeros / weights if weights else 0.0
