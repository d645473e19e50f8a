"""Converts the Keras model to a float32 flatbuffer, and calibrates its tensors' ranges."""

from __future__ import annotations

from collections.abc import Collection

from model_export.errors import ConversionError
from model_export.flatbuffer.fold_batch_size import fold_batch_shapes
from model_export.flatbuffer.inspect import bindings
from model_export.progress import Progress
from model_export.quantization.quantize import STATIC, Ranges, calibrate, choose_calibration
from model_export.recipe.quantize import CalibrationSection, Variant
from model_export.signature.source_model import SourceModel
from model_export.steps.prepare import PreparedExport


def convert(source: SourceModel, ready: PreparedExport, progress: Progress) -> bytes:
    """The float32 flatbuffer, for sequences of any length, or where that cannot be of the largest.

    Args:
        source: what is converted.
        ready: its examples.
        progress: told of the step.

    Raises:
        ConversionError: it has what TensorFlow Lite lacks.
    """
    with progress.step("convert") as step:
        float32 = fold_batch_shapes(_convert(source, ready, progress))
        step.result = f"{len(float32):,} bytes"
    return float32


def fitting(ready: PreparedExport, float32: bytes) -> PreparedExport:
    """What is prepared, with one length of sequences if the converted model takes one alone."""
    if ready.signature.sequence is None:
        return ready
    outputs = tuple(spec.name for spec in ready.signature.outputs)
    inputs, _ = bindings(float32, ready.signature.tensors, outputs)
    is_open = any(None in binding.shape[1:] for binding in inputs)
    return ready if is_open else ready.of_one_length()


def find_ranges(
    float32: bytes,
    ready: PreparedExport,
    section: CalibrationSection,
    variants: Collection[Variant],
    progress: Progress,
) -> Ranges | ConversionError:
    """The ranges that static variants need; nothing if there are none of them.

    That they cannot be found is returned, not raised: the other variants do without.

    Args:
        float32: what `convert` made.
        ready: the examples, as `fitting` gives them.
        section: of the recipe.
        variants: that will be made.
        progress: told of the step.
    """
    if not STATIC.intersection(variants):
        return {}
    with progress.step("calibrate") as step:
        examples = choose_calibration(ready.splits.train, section)
        try:
            ranges = calibrate(float32, examples, section.method, ready.signature.sequence)
        except ConversionError as error:
            step.result = f"failed: {error}"
            return error
        step.result = f"{len(examples)} training examples, {section.method}"
    return ranges


def _convert(source: SourceModel, ready: PreparedExport, progress: Progress) -> bytes:
    # Not at the top: importing TensorFlow takes seconds, and a wrong recipe should not.
    from model_export.tf.convert import convert_float32
    from model_export.tf.source import KerasSource

    sequence = ready.signature.sequence
    try:
        return convert_float32(source)
    except ConversionError:
        if sequence is None or sequence.tokens is None or not isinstance(source, KerasSource):
            raise
        length = sequence.tokens.length
        converted = convert_float32(source.with_length(length))
        progress.log(f"it cannot be converted for sequences of any length: all have {length}")
        return converted
