"""Keras to a float32 flatbuffer, with TensorFlow Lite's own operators only."""

from __future__ import annotations

import re

import tensorflow as tf

from model_export.errors import ConversionError
from model_export.tf.load import SourceModel

_OPERATOR = re.compile(r"'(?:tf|tfl)\.(\w+)' op|\btf\.(\w+)\b")
_LOCATION = re.compile(r'"([\w./-]+)(?:@[^"]*)?"')


def convert_float32(source: SourceModel) -> bytes:
    """Converts once; every other variant is made from the result.

    Args:
        source: the model, pruned or not.

    Returns:
        the flatbuffer, with the signature ``serving_default`` over ``input_0``, … and
        ``output_0``, ….

    Raises:
        ConversionError: an operator has no TensorFlow Lite counterpart; the message names it, and
            the layer that it comes from where the converter tells.
    """
    function, owner = source.concrete_function()
    converter = tf.lite.TFLiteConverter.from_concrete_functions([function], owner)
    # Never SELECT_TF_OPS: it would need all of TensorFlow in the function.
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    try:
        return bytes(converter.convert())
    except Exception as error:
        # The converter raises its own class for some failures, and plain ones for others.
        raise ConversionError(_explain(str(error))) from error


def _explain(message: str) -> str:
    operators = sorted({name for pair in _OPERATOR.findall(message) for name in pair if name})
    places = list(dict.fromkeys(_LOCATION.findall(message)))
    layers = [place for place in places if "/" in place][:3]
    what = f"operators {', '.join(operators)}" if operators else "something"
    where = f", from {', '.join(layers)}" if layers else ""
    return (
        f"the model has {what} that TensorFlow Lite lacks{where}. Preprocessing layers such as "
        "TextVectorization or StringLookup must stay outside of the model; other layers need a "
        "counterpart made of TensorFlow Lite's operators"
    )
