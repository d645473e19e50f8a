"""Finds the convolutions that int8 makes slower.

Integer kernels multiply several input channels at a time. An image has one or three; the rest is
padding, and a float kernel is up to twice as fast. From eight channels on, int8 wins.
docs/5-compression.md has what was measured.
"""

from __future__ import annotations

from typing import Any

from ai_edge_litert import schema_py_generated as schema

from model_export.flatbuffer.inspect import builtin_code, read_model

_MOST_CHANNELS = 4
_Operator = schema.BuiltinOperator


def stem_operators(flatbuffer: bytes) -> tuple[str, ...]:
    """Convolutions of few input channels, and what lies between them and the model's input.

    Args:
        flatbuffer: float32.

    Returns:
        names of the tensors that these operators make, in their order; none if there is no such
        convolution near an input.
    """
    model = read_model(flatbuffer)
    graph = model.subgraphs[0]
    makers = {output: operator for operator in graph.operators for output in operator.outputs}
    found: dict[int, Any] = {}
    for operator in graph.operators:
        if _is_convolution(model, operator) and _channels(graph, operator) <= _MOST_CHANNELS:
            above = _above(model, makers, operator)
            if above is not None:
                found |= {id(one): one for one in [*above, operator]}
    return tuple(
        graph.tensors[operator.outputs[0]].name.decode()
        for operator in graph.operators
        if id(operator) in found
    )


def _above(model: Any, makers: dict[int, Any], operator: Any) -> list[Any] | None:
    """The operators between the model's input and this one; None if one of them convolves, too."""
    found: list[Any] = []
    waiting = [operator.inputs[0]]
    while waiting:
        maker = makers.get(waiting.pop())
        if maker is None or any(maker is one for one in found):
            continue
        if not _is_light(model, maker):
            return None
        found.append(maker)
        waiting.extend(maker.inputs)
    return found


def _is_convolution(model: Any, operator: Any) -> bool:
    return bool(builtin_code(model, operator) == _Operator.CONV_2D)


def _channels(graph: Any, operator: Any) -> int:
    # Weights are [outputs, height, width, inputs].
    return int(graph.tensors[operator.inputs[1]].shape[3])


def _is_light(model: Any, operator: Any) -> bool:
    """Whether it only scales, moves or reshapes: as rescaling an image does."""
    return builtin_code(model, operator) in {
        _Operator.ADD,
        _Operator.SUB,
        _Operator.MUL,
        _Operator.DIV,
        _Operator.CAST,
        _Operator.PAD,
        _Operator.PADV2,
        _Operator.RESHAPE,
        _Operator.EXPAND_DIMS,
        _Operator.RESIZE_BILINEAR,
        _Operator.RESIZE_NEAREST_NEIGHBOR,
    }
