"""Replaces arithmetic on the batch size by a constant, so that the graph stays in one piece.

Keras flattens with ``reshape(x, (shape(x)[0], features))``. The converter keeps the question
``shape(x)[0]`` in the graph, as three operators that no accelerated kernel takes: the graph falls
apart around them, and a quantized one goes back to float in its middle. ``reshape(x, (-1,
features))`` means the same and needs none of them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.tools import flatbuffer_utils

from model_export.flatbuffer.inspect import builtin_code

_Operator = schema.BuiltinOperator
_ABSENT = -1  # an optional input that is not there


def fold_batch_shapes(flatbuffer: bytes) -> bytes:
    """The same model, with every ``reshape(x, [shape(y)[0], constants…])`` made constant.

    Args:
        flatbuffer: float32, as the converter gave it.

    Returns:
        an equivalent flatbuffer; the same bytes if there was nothing to fold.
    """
    model = flatbuffer_utils.read_model_from_bytearray(bytearray(flatbuffer))
    # Models with control flow have several graphs, whose tensors refer to each other.
    if len(model.subgraphs) != 1 or not _fold(model, model.subgraphs[0]):
        return flatbuffer
    _drop_unused(model, model.subgraphs[0])
    return bytes(flatbuffer_utils.convert_object_to_bytearray(model))


def _fold(model: Any, graph: Any) -> bool:
    producers = {output: op for op in graph.operators for output in op.outputs}
    found = False
    for operator in graph.operators:
        if builtin_code(model, operator) != _Operator.RESHAPE or len(operator.inputs) != 2:
            continue
        sizes = _sizes(model, graph, producers, operator.inputs[1])
        if sizes is not None:
            operator.inputs = [operator.inputs[0], _add_constant(model, graph, sizes)]
            operator.builtinOptions = None
            operator.builtinOptionsType = schema.BuiltinOptions.NONE
            found = True
    return found


def _sizes(model: Any, graph: Any, producers: dict[int, Any], shape: int) -> list[int] | None:
    """[-1, constants…] if `shape` is [shape(y)[0], constants…]; None if it is something else.

    The -1 is the batch again, because the constants leave only one possibility.
    """
    pack = producers.get(shape)
    if pack is None or builtin_code(model, pack) != _Operator.PACK:
        return None
    if not _is_batch_size(model, graph, producers, pack.inputs[0]):
        return None
    constants = [_constant(model, graph, index) for index in pack.inputs[1:]]
    if any(value is None or value.size != 1 or value.item() < 1 for value in constants):
        return None
    return [-1, *(int(value.item()) for value in constants if value is not None)]


def _is_batch_size(model: Any, graph: Any, producers: dict[int, Any], index: int) -> bool:
    """Whether the tensor is ``shape(y)[0]``."""
    cut = producers.get(index)
    if cut is None or builtin_code(model, cut) != _Operator.STRIDED_SLICE:
        return False
    asked = producers.get(cut.inputs[0])
    if asked is None or builtin_code(model, asked) != _Operator.SHAPE:
        return False
    begin, end, step = (_constant(model, graph, part) for part in cut.inputs[1:4])
    bounds = [value.tolist() if value is not None else None for value in (begin, end, step)]
    return bounds == [[0], [1], [1]]


def _constant(model: Any, graph: Any, index: int) -> Any:
    tensor = graph.tensors[index]
    data = model.buffers[tensor.buffer].data
    if tensor.type != schema.TensorType.INT32 or data is None or len(data) == 0:
        return None
    return np.frombuffer(bytes(data), dtype=np.int32)


def _add_constant(model: Any, graph: Any, values: list[int]) -> int:
    buffer = schema.BufferT()
    buffer.data = np.array(values, dtype=np.int32).view(np.uint8)
    model.buffers.append(buffer)
    tensor = schema.TensorT()
    tensor.name = f"folded_shape_{len(graph.tensors)}".encode()
    tensor.type = schema.TensorType.INT32
    tensor.shape = [len(values)]
    tensor.buffer = len(model.buffers) - 1
    graph.tensors.append(tensor)
    return len(graph.tensors) - 1


def _drop_unused(model: Any, graph: Any) -> None:
    """Removes operators whose outputs nobody reads any more, and tensors that none is left for."""
    wanted = {*graph.inputs, *graph.outputs}
    kept = []
    for operator in reversed(graph.operators):
        # One without outputs is there for what it does, such as filling a table.
        if not len(operator.outputs) or wanted.intersection(operator.outputs):
            kept.append(operator)
            wanted.update(operator.inputs, operator.outputs, operator.intermediates or ())
    graph.operators = kept[::-1]

    used = sorted(wanted - {_ABSENT})
    place = {old: new for new, old in enumerate(used)} | {_ABSENT: _ABSENT}
    graph.tensors = [graph.tensors[index] for index in used]
    graph.inputs = [place[index] for index in graph.inputs]
    graph.outputs = [place[index] for index in graph.outputs]
    for operator in graph.operators:
        operator.inputs = [place[index] for index in operator.inputs]
        operator.outputs = [place[index] for index in operator.outputs]
        if operator.intermediates:
            operator.intermediates = [place[index] for index in operator.intermediates]
    for signature in model.signatureDefs or ():
        for entry in [*signature.inputs, *signature.outputs]:
            entry.tensorIndex = place[entry.tensorIndex]
