"""Runs and builds flatbuffers with LiteRT, past the code under test."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import flatbuffers
import numpy as np
import numpy.typing as npt
from ai_edge_litert import interpreter as litert
from ai_edge_litert import schema_py_generated as schema

Array = npt.NDArray[Any]


def run(flatbuffer: bytes, *inputs: Array) -> Array:
    """Runs a batch through the signature ``serving_default``.

    Args:
        flatbuffer: with inputs ``input_0``, …; quantized ones are fed and read in their own units.
        inputs: in order, [batch, …], in natural units.

    Returns:
        ``output_0`` in natural units.
    """
    runner = litert.Interpreter(model_content=flatbuffer).get_signature_runner("serving_default")
    details = runner.get_input_details()
    feed = {}
    for index, array in enumerate(inputs):
        detail = details[f"input_{index}"]
        scale, zero_point = detail["quantization"]
        if scale:
            limits = np.iinfo(detail["dtype"])
            array = np.clip(np.rint(array / scale) + zero_point, limits.min, limits.max)  # noqa: PLW2901  # the same, quantized
        feed[f"input_{index}"] = array.astype(detail["dtype"])
    output: Array = runner(**feed)["output_0"]
    scale, zero_point = runner.get_output_details()["output_0"]["quantization"]
    return (output.astype(np.float32) - zero_point) * scale if scale else output


def parse(flatbuffer: bytes) -> Any:
    """The flatbuffer as LiteRT's schema objects."""
    return schema.ModelT.InitFromObj(schema.Model.GetRootAs(flatbuffer, 0))


def pack(model: Any) -> bytes:
    """The flatbuffer of schema objects."""
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


class Graph:
    """A flatbuffer under construction, operator by operator."""

    def __init__(self) -> None:
        self._model = schema.ModelT()
        self._model.version = 3
        self._model.operatorCodes = []
        self._model.buffers = [schema.BufferT()]
        self._graph = schema.SubGraphT()
        self._graph.name = b"main"
        self._graph.tensors, self._graph.operators = [], []

    def tensor(self, shape: Sequence[int], dtype: int = schema.TensorType.FLOAT32) -> int:
        """A tensor that is computed; its first axis is the batch."""
        tensor = schema.TensorT()
        tensor.name = f"tensor_{len(self._graph.tensors)}".encode()
        tensor.shape = [max(size, 1) for size in shape]
        tensor.shapeSignature = list(shape)
        tensor.type = dtype
        tensor.buffer = 0
        self._graph.tensors.append(tensor)
        return len(self._graph.tensors) - 1

    def constant(self, values: Array) -> int:
        """A tensor that is given; float32, float16, int8 or int32."""
        dtypes = {
            "float32": schema.TensorType.FLOAT32,
            "float16": schema.TensorType.FLOAT16,
            "int8": schema.TensorType.INT8,
            "int32": schema.TensorType.INT32,
        }
        index = self.tensor(values.shape, dtypes[values.dtype.name])
        self._graph.tensors[index].shapeSignature = None
        self._graph.tensors[index].shape = list(values.shape)
        buffer = schema.BufferT()
        buffer.data = np.frombuffer(values.tobytes(), dtype=np.uint8)
        self._model.buffers.append(buffer)
        self._graph.tensors[index].buffer = len(self._model.buffers) - 1
        return index

    def operator(
        self, code: int, inputs: Sequence[int], outputs: Sequence[int], options: Any = None
    ) -> None:
        """An operator, with its options if it has any."""
        entry = schema.OperatorCodeT()
        entry.builtinCode = code
        entry.deprecatedBuiltinCode = min(code, 127)
        entry.version = 1
        self._model.operatorCodes.append(entry)
        operator = schema.OperatorT()
        operator.opcodeIndex = len(self._model.operatorCodes) - 1
        operator.inputs, operator.outputs = list(inputs), list(outputs)
        if options is not None:
            operator.builtinOptions = options
            kind = type(options).__name__.removesuffix("T")
            operator.builtinOptionsType = getattr(schema.BuiltinOptions, kind)
        self._graph.operators.append(operator)

    def build(self, inputs: Sequence[int], outputs: Sequence[int]) -> bytes:
        """The flatbuffer, with a signature over ``input_0``, … and ``output_0``, …."""
        self._graph.inputs, self._graph.outputs = list(inputs), list(outputs)
        signature = schema.SignatureDefT()
        signature.signatureKey = b"serving_default"
        signature.inputs = [_map(f"input_{i}", index) for i, index in enumerate(inputs)]
        signature.outputs = [_map(f"output_{i}", index) for i, index in enumerate(outputs)]
        self._model.signatureDefs = [signature]
        self._model.subgraphs = [self._graph]
        return pack(self._model)


def _map(name: str, index: int) -> Any:
    entry = schema.TensorMapT()
    entry.name = name.encode()
    entry.tensorIndex = index
    return entry
