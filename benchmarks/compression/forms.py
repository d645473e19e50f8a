"""The steps of an export from a model to its candidates, to be measured alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from model_export.flatbuffer.fold_batch_size import fold_batch_shapes
from model_export.quantization.candidate import Candidate
from model_export.quantization.candidate_factory import CandidateFactory
from model_export.quantization.float32_model import Float32Model
from model_export.quantization.quantize import calibrate, choose_calibration
from model_export.recipe.quantize import CalibrationSection
from model_export.recipe.variants import VariantName
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


def make_factory(
    source: Any, prepared: PreparedExport, pruned: Sequence[PrunedLayer] = ()
) -> CandidateFactory:
    """Converts and calibrates a model.

    Args:
        source: A `model_export.tf.source.KerasSource`.
        prepared: Its examples.
        pruned: Layers whose zeros every candidate must have.
    """
    float32 = convert(source)
    examples = choose_calibration(prepared.splits.train, CalibrationSection())
    model = Float32Model(float32, prepared.signature, frozenset(source.layers), pruned)
    return CandidateFactory(model, calibrate(float32, examples))


def make(factory: CandidateFactory, variants: Sequence[VariantName]) -> list[Candidate]:
    """The candidates of these variants."""
    return [factory.make(variant) for variant in variants]
