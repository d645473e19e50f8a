"""What TensorFlow Lite's own converter makes of a model, as its tutorials have it.

These are the lines that people copy. All four begin with::

    converter = tf.lite.TFLiteConverter.from_keras_model(model)

================= =====================================================================
``float32``       nothing more
``float16``       ``converter.optimizations = [tf.lite.Optimize.DEFAULT]``
                  ``converter.target_spec.supported_types = [tf.float16]``
``dynamic_range`` ``converter.optimizations = [tf.lite.Optimize.DEFAULT]``
``integer``       ``converter.optimizations = [tf.lite.Optimize.DEFAULT]``
                  ``converter.representative_dataset = representative_dataset``
                  ``converter.target_spec.supported_ops =
                  [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]``
================= =====================================================================

and end with ``converter.convert()``. See
https://ai.google.dev/edge/litert/conversion/tensorflow/quantization/post_training_quantization

Input and output are float32 in all of them, the converter's default: so ``integer`` compares with
our ``static_int8``, not with ``full_int8``. Importing this imports TensorFlow.
"""

from __future__ import annotations

import contextlib
import io
import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import tensorflow as tf

Kind = Literal["float32", "float16", "dynamic_range", "integer"]

# The tutorials take 100 to 500; as many as ours calibrates with, so that nobody has an advantage.
_REPRESENTATIVE = 200


@dataclass(frozen=True, slots=True)
class Baseline:
    """What the converter made.

    Attributes:
        flatbuffer: the model.
        seconds: from the Keras model to the flatbuffer, calibration included.
    """

    flatbuffer: bytes
    seconds: float


def convert_baseline(model: Any, kind: Kind, train: npt.NDArray[np.float32]) -> Baseline:
    """Converts a Keras model with TensorFlow Lite alone.

    Args:
        model: Keras, with one input.
        kind: how, see above.
        train: examples of the training split, [examples, …]; the first 200 calibrate
            ``integer``, the other kinds look at none.
    """
    began = time.perf_counter()
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    if kind != "float32":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if kind == "float16":
        converter.target_spec.supported_types = [tf.float16]
    if kind == "integer":
        converter.representative_dataset = lambda: _one_by_one(train[:_REPRESENTATIVE])
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    # Keras prints the signature of the SavedModel on the way, and the converter warns that input
    # and output stay float, which we want.
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings(action="ignore"):
        flatbuffer = bytes(converter.convert())
    return Baseline(flatbuffer, time.perf_counter() - began)


def _one_by_one(examples: npt.NDArray[np.float32]) -> Iterator[list[npt.NDArray[np.float32]]]:
    for row in range(len(examples)):
        yield [examples[row : row + 1]]
