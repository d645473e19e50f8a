"""Converts the Keras model to a float32 flatbuffer, and calibrates its tensors' ranges."""

from __future__ import annotations

from collections.abc import Collection

from model_export.errors import ConversionError
from model_export.flatbuffer.fold_batch_size import fold_batch_shapes
from model_export.flatbuffer.inspect import bindings
from model_export.progress import Progress
from model_export.quantization.quantize import Ranges, calibrate, choose_calibration
from model_export.recipe.quantize import CalibrationSection
from model_export.recipe.variants import VARIANTS, VariantName
from model_export.signature.source_model import SourceModel
from model_export.steps.prepare import PreparedExport


def convert(source: SourceModel, prepared: PreparedExport, progress: Progress) -> bytes:
    """The float32 flatbuffer, for sequences of any length, or where that cannot be of the largest.

    Args:
        source: what is converted.
        prepared: its examples.
        progress: told of the step.

    Raises:
        ConversionError: it has what TensorFlow Lite lacks.
    """
    with progress.step("convert") as step:
        float32 = fold_batch_shapes(_convert(source, prepared, progress))
        step.result = f"{len(float32):,} bytes"
    return float32


def fitting(prepared: PreparedExport, float32: bytes) -> PreparedExport:
    """What is prepared, with one length of sequences if the converted model takes one alone."""
    if prepared.signature.sequence is None:
        return prepared
    outputs = tuple(spec.name for spec in prepared.signature.outputs)
    inputs, _ = bindings(float32, prepared.signature.tensors, outputs)
    is_open = any(None in binding.shape[1:] for binding in inputs)
    return prepared if is_open else prepared.of_one_length()


def find_ranges(
    float32: bytes,
    prepared: PreparedExport,
    section: CalibrationSection,
    variants: Collection[VariantName],
    progress: Progress,
) -> Ranges | ConversionError:
    """The ranges that static variants need; nothing if there are none of them.

    That they cannot be found is returned, not raised: the other variants do without.

    Args:
        float32: what `convert` made.
        prepared: the examples, as `fitting` gives them.
        section: of the recipe.
        variants: that will be made.
        progress: told of the step.
    """
    if not any(VARIANTS[name].needs_calibration for name in variants):
        return {}
    with progress.step("calibrate") as step:
        examples = choose_calibration(prepared.splits.train, section)
        try:
            ranges = calibrate(float32, examples, section.method, prepared.signature.sequence)
        except ConversionError as error:
            step.result = f"failed: {error}"
            return error
        step.result = f"{len(examples)} training examples, {section.method}"
    return ranges


def _convert(source: SourceModel, prepared: PreparedExport, progress: Progress) -> bytes:
    # Not at the top: importing TensorFlow takes seconds, and a wrong recipe should not.
    from model_export.tf.convert import convert_float32
    from model_export.tf.source import KerasSource

    sequence = prepared.signature.sequence
    try:
        return convert_float32(source)
    except ConversionError:
        if sequence is None or sequence.tokens is None or not isinstance(source, KerasSource):
            raise
        length = sequence.tokens.length
        converted = convert_float32(source.with_length(length))
        progress.log(f"it cannot be converted for sequences of any length: all have {length}")
        return converted
