"""Candidates that are evaluated, with figures by hand."""

from __future__ import annotations

from collections.abc import Mapping

from model_export.flatbuffer.inspect import FlatbufferFacts
from model_export.measure.timing import Timing
from model_export.quality.choice import Choice
from model_export.quality.classes import ClassChange
from model_export.quality.comparison import Comparison
from model_export.quality.evaluated_candidate import CandidateQuality, EvaluatedCandidate
from model_export.quantization.candidate import Candidate
from tflite_serving.contract.evidence import Latency
from tflite_serving.contract.tensors import Tensors


def compared(
    drop: float = 0.0,
    upper: float | None = None,
    *,
    discordant: tuple[int, int] = (0, 0),
    examples: int = 90,
    confidence: float = 0.95,
    classes: tuple[ClassChange, ...] = (),
) -> Comparison:
    """A comparison that found this drop, and this upper end of its interval."""
    interval = (drop - 0.1, drop + 0.1 if upper is None else upper)
    return Comparison(
        metric="accuracy",
        lower_is_better=False,
        reference=0.9,
        candidate=0.9 - drop,
        drop=drop,
        interval=interval,
        interval_95=interval,
        method="by hand",
        confidence=confidence,
        examples=examples,
        discordant=discordant,
        agreement=1.0,
        classes=classes,
        worst_class_drop=max(
            (change.reference - change.published for change in classes if change.examples),
            default=None,
        ),
        calibration_error=0.02,
    )


def evaluated(
    name: str,
    comparisons: Mapping[str, Comparison],
    *,
    size: int = 1000,
    gzip_size: int | None = None,
    p50: float = 1.0,
) -> EvaluatedCandidate:
    """A candidate of a variant, or a mixture of it, with these figures."""
    variant, latency = name.removesuffix("_mixed"), Latency(p50, 2 * p50)
    facts = FlatbufferFacts((), (), ())
    return EvaluatedCandidate(
        Candidate(name, bytes(size), Tensors((), ()), (), variant, facts),
        CandidateQuality({}, comparisons),
        Timing(30.0, 40.0, latency, latency),
        size // 2 if gzip_size is None else gzip_size,
    )


def drop_of(one: EvaluatedCandidate) -> float:
    """The drop of its only output."""
    (comparison,) = one.comparisons.values()
    return comparison.drop


def chosen_name(choice: Choice) -> str | None:
    """The name of the chosen candidate."""
    return choice.chosen.name if choice.chosen else None


def reasons(choice: Choice) -> dict[str, str | None]:
    """Why each candidate is not chosen, by name; None for the chosen one."""
    chosen = {choice.chosen.name: None} if choice.chosen else {}
    return {**choice.reasons, **chosen}
