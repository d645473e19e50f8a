"""Which operators of a model stay in float, whatever the quality: the groups that variants name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from model_export.flatbuffer.input_convolutions import stem_operators
from model_export.flatbuffer.input_scaling import scaling_operators
from model_export.flatbuffer.inspect import FlatbufferFacts
from model_export.flatbuffer.layer_names import is_stable
from model_export.recipe.variants import FloatGroup, Variant
from tflite_serving.contract.evidence import FloatOperator


@dataclass(frozen=True, slots=True)
class _Group:
    """Operators with a reason in common.

    Attributes:
        why: Reason, as in `FloatOperator`.
        find: Function from a float32 flatbuffer and its facts to the operators' names.
    """

    why: Literal["speed", "range"]
    find: Callable[[bytes, FlatbufferFacts], tuple[str, ...]]


def _depthwise(_: bytes, facts: FlatbufferFacts) -> tuple[str, ...]:
    return tuple(each.name for each in facts.operators if each.kind == "DEPTHWISE_CONV_2D")


def _stable(_: bytes, facts: FlatbufferFacts) -> tuple[str, ...]:
    return tuple(each.name for each in facts.operators if is_stable(each.name))


# Of an operator in two groups, the earlier one is the reason.
_GROUPS: Mapping[FloatGroup, _Group] = {
    "input_scaling": _Group("range", lambda flatbuffer, _: scaling_operators(flatbuffer)),
    "input_convolutions": _Group("speed", lambda flatbuffer, _: stem_operators(flatbuffer)),
    "stable_operators": _Group("speed", _stable),
    "depthwise_convolutions": _Group("speed", _depthwise),
}


def float_operators(
    flatbuffer: bytes, facts: FlatbufferFacts, variant: Variant, *, where_faster: bool
) -> tuple[FloatOperator, ...]:
    """The operators that a variant leaves in float.

    Args:
        flatbuffer: Flatbuffer in float32.
        facts: Facts of it.
        variant: The variant.
        where_faster: Whether those count that integers would only make slower.

    Returns:
        The operators by reason, "range" first, in the order of the graph.
    """
    reasons: dict[str, Literal["speed", "range"]] = {}
    for name, group in _GROUPS.items():
        if name in variant.float_groups and (where_faster or group.why != "speed"):
            for operator in group.find(flatbuffer, facts):
                reasons.setdefault(operator, group.why)
    kept = [
        FloatOperator(each.name, each.layer, each.kind, reasons[each.name], None)
        for each in facts.operators
        if each.name in reasons
    ]
    return tuple(sorted(kept, key=lambda each: each.why != "range"))
