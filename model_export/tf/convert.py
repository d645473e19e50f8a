"""Converts Keras to a float32 flatbuffer, with TensorFlow Lite's built-in operators only."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import tensorflow as tf

from model_export.errors import ConversionError
from model_export.flatbuffer.layer_names import layer_of
from model_export.signature.source_model import SourceModel
from model_export.tf.running import channels_first, channels_last_advice, running
from model_export.tf.source import KerasSource
from model_export.tf.stable_operators import rewrite

_OPERATORS = re.compile(r"(?:TF Select|Custom) ops: ([\w, ]+)")
_OPERATOR = re.compile(r"'tf\.(\w+)'")
# What a table is called in a graph without it.
_NO_OPERATOR = {"Placeholder"}
_TEXT = re.compile(r"String|LookupTable|Regex|Ragged|AsString")
_LOOKUPS = {"StringLookup", "IntegerLookup", "Hashing", "HashedCrossing"}
_MOST_LAYERS = 3
_HALF = {dtype.as_datatype_enum: dtype.name for dtype in (tf.float16, tf.bfloat16)}


def convert_float32(source: SourceModel) -> bytes:
    """Converts once; every other variant is made from the result.

    Args:
        source: the model, pruned or not.

    Returns:
        the flatbuffer, with the signature ``serving_default`` over ``input_0``, … and
        ``output_0``, ….

    Raises:
        ConversionError: an operator has no TensorFlow Lite counterpart; the message names it, and
            the layer that it comes from.
    """
    model = source.model if isinstance(source, KerasSource) else None
    with running(source.where, source.layers, model):
        function, owner = source.concrete_function()
    converter = tf.lite.TFLiteConverter.from_concrete_functions([rewrite(function)], owner)
    # Never SELECT_TF_OPS: it would need all of TensorFlow in the function.
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    try:
        return bytes(converter.convert())
    except Exception as error:
        # The converter raises its own class for some failures, and plain ones for others.
        told = _explain(str(error), function, source.layers)
        found = channels_first(model)
        if found:
            told += f". {channels_last_advice(found)}"
        raise ConversionError(told) from error


def _explain(message: str, function: Any, layers: Mapping[str, str]) -> str:
    listed = [name.strip() for names in _OPERATORS.findall(message) for name in names.split(",")]
    operators = sorted({*(listed or _OPERATOR.findall(message))} - _NO_OPERATOR)
    if not operators:
        first = (message.strip().splitlines() or ["no message"])[0]
        return f"TensorFlow Lite's converter gave up: {first}"
    half = next((_HALF[node.attr["T"].type] for node in _nodes(function) if _is_half(node)), None)
    if half is not None:
        return (
            f"the model computes in {half}, as mixed precision does, and TensorFlow Lite does not. "
            "Save a copy in float32: copy = keras.models.clone_model(model, clone_function=lambda "
            'layer: type(layer).from_config({**layer.get_config(), "dtype": "float32"})); '
            "copy.set_weights(model.get_weights())"
        )
    places = _places(operators, function, frozenset(layers))
    told = [
        f"{', '.join(found)} of {_called(place, layers)}" if place else ", ".join(found)
        for place, found in places.items()
    ]
    shown = "; ".join(told[:_MOST_LAYERS])
    more = f"; and {len(told) - _MOST_LAYERS} layers more" if len(told) > _MOST_LAYERS else ""
    named = list(places.items())[:_MOST_LAYERS]
    advice = dict.fromkeys(_advice(place, found, layers) for place, found in named)
    return f"TensorFlow Lite lacks operators of the model: {shown}{more}. {'. '.join(advice)}"


def _places(
    operators: Sequence[str], function: Any, layers: frozenset[str]
) -> dict[str | None, list[str]]:
    """Which of the operators come from which layer, "outer/inner"; None is for the others."""
    found: dict[str | None, set[str]] = {}
    for node in _nodes(function):
        place = layer_of(node.name, layers)
        if node.op in operators and place:
            found.setdefault(place, set()).add(node.op)
    # What an operator is called may change on its way through the converter.
    lost = set(operators).difference(*found.values())
    return {place: sorted(names) for place, names in found.items()} | (
        {None: sorted(lost)} if lost else {}
    )


def _nodes(function: Any) -> list[Any]:
    graph = function.graph.as_graph_def()
    return [*graph.node, *(node for part in graph.library.function for node in part.node_def)]


def _is_half(node: Any) -> bool:
    return "T" in node.attr and node.attr["T"].type in _HALF


def _called(place: str, layers: Mapping[str, str]) -> str:
    kind = layers.get(place.rpartition("/")[2])
    return f"layer {place!r} ({kind})" if kind else f"layer {place!r}"


def _advice(place: str | None, operators: Sequence[str], layers: Mapping[str, str]) -> str:
    kinds = {layers.get(name) for name in (place or "").split("/")}
    where = f"layer {place!r}" if place else "what has them"
    if "TextVectorization" in kinds:
        return (
            f"Text must become numbers outside of the model: build one that starts after {where}, "
            "and send it what the layer gives; keep its get_vocabulary() with the client"
        )
    if kinds & _LOOKUPS or any(_TEXT.search(name) for name in operators):
        if not layers:
            return "Of a .keras file, lookups and hashes are left to the function: give it that"
        return (
            f"Lookups and hashes must stay outside of the model: build one that starts after "
            f"{where}, and send it the indices"
        )
    if "Lambda" in kinds:
        return f"Replace {where} by a layer class made of keras.ops that TensorFlow Lite has"
    if any(name.startswith("TensorList") for name in operators):
        return "A recurrent layer converts when built with unroll=True, on an Input of one length"
    return f"Replace {where} by layers that are made of TensorFlow Lite's operators"
