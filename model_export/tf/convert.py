"""Keras to a float32 flatbuffer, with TensorFlow Lite's own operators only."""

from __future__ import annotations

import re
from typing import Any

import tensorflow as tf

from model_export.errors import ConversionError
from model_export.tf.load import SourceModel

_OPERATORS = re.compile(r"(?:TF Select|Custom) ops: ([\w, ]+)")
_OPERATOR = re.compile(r"'tf\.(\w+)'")
# What a table is called in a graph without it.
_NO_OPERATOR = {"Placeholder"}
_TEXT = re.compile(r"String|LookupTable|Regex|Ragged|AsString")
_MOST_LAYERS = 3


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
    try:
        function, owner = source.concrete_function()
    except Exception as error:
        # Layers are the user's own code, which may raise anything.
        raise ConversionError(f"the model cannot be traced: {error}") from error
    converter = tf.lite.TFLiteConverter.from_concrete_functions([function], owner)
    # Never SELECT_TF_OPS: it would need all of TensorFlow in the function.
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    try:
        return bytes(converter.convert())
    except Exception as error:
        # The converter raises its own class for some failures, and plain ones for others.
        raise ConversionError(_explain(str(error), function, source.layers)) from error


def _explain(message: str, function: Any, layers: frozenset[str]) -> str:
    listed = [name.strip() for names in _OPERATORS.findall(message) for name in names.split(",")]
    operators = sorted({*(listed or _OPERATOR.findall(message))} - _NO_OPERATOR)
    if not operators:
        first = (message.strip().splitlines() or ["no message"])[0]
        return f"TensorFlow Lite's converter gave up: {first}"
    places = _layers_with(set(operators), function, layers)
    where = f", from layer {', '.join(places[:_MOST_LAYERS])}" if places else ""
    return f"the model has {', '.join(operators)}, which TensorFlow Lite lacks{where}. " + (
        _advice(operators)
    )


def _advice(operators: list[str]) -> str:
    if any(name.startswith("TensorList") for name in operators):
        return "A recurrent layer converts when it is built with unroll=True"
    if any(_TEXT.search(name) for name in operators):
        return (
            "Preprocessing such as TextVectorization, StringLookup or Hashing must stay outside of "
            "the model: build one that starts where it ends, and give it its numbers"
        )
    return "Replace it by layers that are made of TensorFlow Lite's operators"


def _layers_with(operators: set[str], function: Any, layers: frozenset[str]) -> list[str]:
    """The layers whose part of the graph has one of the operators, as "outer/inner"."""
    graph = function.graph.as_graph_def()
    nodes = [*graph.node, *(node for part in graph.library.function for node in part.node_def)]
    places = (_layer(node.name, layers) for node in nodes if node.op in operators)
    return list(dict.fromkeys(f"{place!r}" for place in places if place))


def _layer(node: str, layers: frozenset[str]) -> str:
    """The layer in a node's name, such as "model_1/block_1/volume_1/MatrixDeterminant"."""
    scopes = node.split("/")[1:-1]
    if not layers:
        return "/".join(scopes)
    # A graph numbers its scopes: "volume" becomes "volume_1".
    found = (re.sub(r"_\d+$", "", scope) for scope in scopes)
    known = [
        short if short in layers else scope
        for short, scope in zip(found, scopes, strict=True)
        if short in layers or scope in layers
    ]
    return "/".join(known)
