"""The manifest's account of the candidates: how they were made, measured, and judged."""

from __future__ import annotations

from collections.abc import Sequence

from model_export.errors import GateError
from model_export.quality.choice import Choice
from model_export.quality.comparison import Comparison
from model_export.quality.evaluated_candidate import EvaluatedCandidate
from tflite_serving.contract.evidence import (
    Candidate,
    Compression,
    FailedCandidate,
    OutputQuality,
    Pruning,
)

_ENDLESS = 1e30


def describe_compression(
    evaluated: Sequence[EvaluatedCandidate],
    choice: Choice,
    failed: tuple[FailedCandidate, ...],
    *,
    float32_bytes: int,
    batch: int,
    pruning: Pruning | None,
) -> Compression:
    """Everything in the manifest about the candidates.

    Args:
        evaluated: Candidates that were judged, one or more.
        choice: The gate's choice of them.
        failed: Candidates that could not be measured.
        float32_bytes: Size of the flatbuffer that all of them were made from.
        batch: Instances in a batch that was timed.
        pruning: How the model was pruned; None if it was not.

    Raises:
        GateError: None keeps the budget; it has what each candidate missed, and by how much.
    """
    candidates = tuple(_describe(each, choice) for each in evaluated)
    if choice.chosen is None:
        raise GateError(candidates, failed)
    return Compression(
        quantization=choice.chosen.name,
        candidates=candidates,
        float32_bytes=float32_bytes,
        batch=batch,
        pruning=pruning,
        failed=failed,
    )


def finite(value: float) -> float:
    """The value, or the largest one that people still read as endless: JSON has no infinity."""
    return max(-_ENDLESS, min(_ENDLESS, value))


def _describe(evaluated: EvaluatedCandidate, choice: Choice) -> Candidate:
    candidate, timing = evaluated.candidate, evaluated.timing
    outputs = tuple(_output_quality(*each) for each in evaluated.comparisons.items())
    first = outputs[0]
    return Candidate(
        name=candidate.name,
        variant=candidate.variant,
        bytes=evaluated.bytes,
        gzip_bytes=evaluated.gzip_bytes,
        sparsity=candidate.facts.sparsity,
        quality=first.quality,
        drop=first.drop,
        drop_interval_95=first.drop_interval_95,
        agreement=first.agreement,
        worst_class_drop=first.worst_class_drop,
        calibration_error=first.calibration_error,
        latency_ms=timing.latency_ms,
        batch_latency_ms=timing.batch_latency_ms,
        cold_load_ms=timing.cold_load_ms,
        peak_rss_mib=timing.peak_rss_mib,
        kept_in_float=candidate.kept_in_float,
        outputs=outputs,
        passes=candidate.name in choice.passing,
        chosen=evaluated is choice.chosen,
        why_not=choice.reasons.get(candidate.name),
    )


def _output_quality(name: str, found: Comparison) -> OutputQuality:
    low, high = found.interval_95
    return OutputQuality(
        output=name,
        metric=found.metric,
        lower_is_better=found.lower_is_better,
        reference=finite(found.reference),
        quality=finite(found.candidate),
        drop=finite(found.drop),
        drop_interval_95=(finite(low), finite(high)),
        agreement=found.agreement,
        worst_class_drop=found.worst_class_drop,
        calibration_error=found.calibration_error,
    )
