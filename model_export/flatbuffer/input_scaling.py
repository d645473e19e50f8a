"""Finds the operators that normalize or bin a record's values, to keep them in float.

A row of features has values of all sizes: an age, an income, a rate. Eight bits for the whole row
hold the largest of them alone, and what normalizes the row, or puts a value of it into a bin, would
be given the others as zeros. Behind these operators all values are of like size.
"""

from __future__ import annotations

from typing import Any

from ai_edge_litert import schema_py_generated as schema

from model_export.flatbuffer.inspect import builtin_code, read_model

_Operator = schema.BuiltinOperator
_ARITHMETIC = {_Operator.ADD, _Operator.SUB, _Operator.MUL, _Operator.DIV}
_MOVES = {
    _Operator.CAST,
    _Operator.CONCATENATION,
    _Operator.EXPAND_DIMS,
    _Operator.GATHER,
    _Operator.PACK,
    _Operator.RESHAPE,
    _Operator.SLICE,
    _Operator.SPLIT,
    _Operator.SQUEEZE,
    _Operator.STRIDED_SLICE,
    _Operator.UNPACK,
}
_MOST_AXES = 2  # of a row; all pixels of an image are of one size


def scaling_operators(flatbuffer: bytes) -> tuple[str, ...]:
    """The operators that scale or bin the model's rows of inputs, and what lies before them.

    Args:
        flatbuffer: float32.

    Returns:
        names of the tensors that these operators make, in their order.
    """
    model = read_model(flatbuffer)
    graph = model.subgraphs[0]
    raw = {index for index in graph.inputs if len(graph.tensors[index].shape) <= _MOST_AXES}
    early: dict[int, Any] = {}  # by the tensor that it makes: nothing has been computed before it
    wanted: list[int] = []
    for operator in graph.operators:
        taken = [index for index in operator.inputs if index in raw or index in early]
        code = builtin_code(model, operator)
        # Not of whole numbers, such as what an embedding does to indices: these stay as they are.
        is_float = graph.tensors[operator.outputs[0]].type == schema.TensorType.FLOAT32
        scales = code == _Operator.BUCKETIZE or (
            code in _ARITHMETIC and len(taken) == 1 and is_float
        )
        if not taken or not (scales or code in _MOVES):
            continue
        early |= dict.fromkeys(operator.outputs, operator)
        if scales:
            wanted.extend(operator.outputs)
    found: set[int] = set()
    while wanted:
        operator = early.get(wanted.pop())
        if operator is not None and operator.outputs[0] not in found:
            found.add(operator.outputs[0])
            wanted.extend(operator.inputs)
    return tuple(
        graph.tensors[operator.outputs[0]].name.decode()
        for operator in graph.operators
        if operator.outputs[0] in found
    )
