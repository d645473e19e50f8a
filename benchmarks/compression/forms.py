"""The steps of an export from a model to its forms, for what is measured about them alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from model_export.flatbuffer.fold_batch_size import fold_batch_shapes
from model_export.quantization.candidate import Form, FormMaker
from model_export.quantization.quantize import calibrate, choose_calibration
from model_export.recipe.quantize import CalibrationSection, Variant
from model_export.steps.prepare import PreparedExport
from tflite_serving.contract.evidence import PrunedLayer


def convert(source: Any) -> bytes:
    """The one conversion of an export.

    Args:
        source: a `model_export.tf.load.KerasSource`.
    """
    # Not at the top: it imports TensorFlow, which takes seconds.
    from model_export.tf.convert import convert_float32

    return fold_batch_shapes(convert_float32(source))


def maker(source: Any, ready: PreparedExport, pruned: Sequence[PrunedLayer] = ()) -> FormMaker:
    """Converts and calibrates: what every form of a model is made from.

    Args:
        source: a `model_export.tf.load.KerasSource`.
        ready: its examples.
        pruned: what must be zero in every form.
    """
    float32 = convert(source)
    examples = choose_calibration(ready.splits.train, CalibrationSection())
    return FormMaker(
        float32, calibrate(float32, examples), ready.signature, frozenset(source.layers), pruned
    )


def make(found: FormMaker, variants: Sequence[Variant]) -> list[Form]:
    """The forms of these variants."""
    return [found.make(variant) for variant in variants]
