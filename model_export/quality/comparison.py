"""Paired comparison of a candidate with the reference: the metric's drop and its interval."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from model_export.quality.bootstrap import resampled
from model_export.quality.classes import ClassChange, class_changes
from model_export.quality.decisions import Thresholds, same_answers
from model_export.quality.intervals import Spread, of_pairs, of_resamples
from model_export.quality.metric import Array, Bools, Floats, Metric
from model_export.quality.score_calibration import calibration_error


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What a candidate's scores are worth against the reference's.

    Attributes:
        metric, lower_is_better: its name, and what it means.
        reference, candidate: the metric of both.
        drop: by how much the candidate is worse, whichever way the metric counts; less than 0 if
            it is better.
        interval: of the drop, lower and upper end, at `confidence`; it always holds `drop`.
        interval_95: the same at 95 %.
        method: how the intervals were found.
        confidence: that `interval` holds the drop on all examples there could be.
        examples: that were compared.
        discordant: examples that the reference alone got right, and the candidate alone, where
            the metric is a fraction of right answers.
        agreement: fraction of examples with the same answer; None for a regression. An answer of
            NaN agrees with nothing.
        classes: recall and precision of every class or label, in their order; empty for a
            regression.
        worst_class_drop: the largest drop in recall of a class that has examples; None for a
            regression.
        calibration_error: the candidate's; see `calibration_error`. None for a regression.
        right: [examples], which the candidate gets right, where the metric is the fraction of them.
        resampled: [resamples], the candidate's metric of each, where it is not.
    """

    metric: str
    lower_is_better: bool
    reference: float
    candidate: float
    drop: float
    interval: tuple[float, float]
    interval_95: tuple[float, float]
    method: str
    confidence: float
    examples: int
    discordant: tuple[int, int] | None
    agreement: float | None
    classes: tuple[ClassChange, ...]
    worst_class_drop: float | None
    calibration_error: float | None
    right: Bools | None = field(default=None, repr=False, compare=False)
    resampled: Floats | None = field(default=None, repr=False, compare=False)


class PairedComparison:
    """The reference's side of comparisons with any number of candidates.

    Both models answer the same examples, so that only what they answer differently widens the
    interval. Fractions of right answers have that of Agresti & Min, see `matched_pairs_interval`
    in `model_export.quality.intervals`. All other metrics have the percentile interval of a paired
    bootstrap (Efron & Tibshirani, "An Introduction to the Bootstrap", 1993, chapter 13): examples
    are drawn again, with replacement and the same for both models, and the drop is computed anew.
    Percentiles need neither a formula for the metric's variance nor symmetry, and cannot leave the
    range of possible drops.

    Where both models have the same metric on every resample, the percentile interval has no width.
    That says that these examples show no difference, not that there is none: where n examples show
    none, as many as about 3 in n of all others may (Hanley & Lippman-Hand, 1983,
    https://doi.org/10.1001/jama.1983.03330370053031), and what those cost nobody knows.

    Args:
        metric: of quality; with the thresholds that decide what is an answer.
        labels: of the classes, in the order of the scores; None for a regression.
        reference_scores: [examples, classes], or [examples, outputs].
        targets: [examples] class indices, [examples, labels] bool, or [examples, outputs].
        confidence: of the intervals, 0.5 to 1.
        reference_metric: The same metric with the thresholds of the reference; None where both
            models have the same.

    Attributes:
        reference: the metric of the reference.
        reference_scores: as they were given.

    Raises:
        UsageError: the metric is the recipe's own function, and fails; or has nothing to tell
            about these targets.
    """

    def __init__(
        self,
        metric: Metric,
        labels: tuple[str, ...] | None,
        reference_scores: Array,
        targets: Array,
        confidence: float = 0.95,
        reference_metric: Metric | None = None,
    ) -> None:
        self._metric = metric
        self._reference_metric = reference_metric or metric
        self._labels = labels
        self.reference_scores = reference_scores
        self._targets = targets
        self._confidence = confidence
        self.reference = self._reference_metric.compute(reference_scores, targets)
        # Once for all candidates: they are compared on the same resamples.
        self._evidence = self._evidence_of(self._reference_metric, reference_scores)

    def drop(self, candidate_scores: Array) -> float:
        """By how much a candidate is worse: what `against` says, without the rest."""
        return self._drop(self._metric.compute(candidate_scores, self._targets))

    def against(self, candidate_scores: Array) -> Comparison:
        """Compares a candidate.

        Args:
            candidate_scores: of the same shape as the reference's, for the same examples.

        Raises:
            UsageError: the metric is the recipe's own function, and fails.
        """
        candidate = self._metric.compute(candidate_scores, self._targets)
        drop = self._drop(candidate)
        right, resamples = self._evidence_of(self._metric, candidate_scores)
        spread = self._spread(right, resamples)
        classes = self._classes(candidate_scores)
        return Comparison(
            metric=self._metric.name,
            lower_is_better=self._metric.lower_is_better,
            reference=self.reference,
            candidate=candidate,
            drop=drop,
            interval=_holding(drop, spread.interval(self._confidence)),
            interval_95=_holding(drop, spread.interval(0.95)),
            method=spread.method,
            confidence=self._confidence,
            examples=len(self._targets),
            discordant=spread.discordant,
            agreement=self._agreement(candidate_scores) if classes else None,
            classes=classes,
            worst_class_drop=max(
                (change.reference - change.published for change in classes if change.examples),
                default=None,
            ),
            calibration_error=(
                calibration_error(candidate_scores, self._targets, self._metric.thresholds)
                if classes
                else None
            ),
            right=right,
            resampled=resamples,
        )

    def _drop(self, candidate: float) -> float:
        figures = np.array(self.reference), np.array(candidate)
        return float(drops_between(*figures, lower_is_better=self._metric.lower_is_better))

    def _evidence_of(self, metric: Metric, scores: Array) -> tuple[Bools | None, Floats | None]:
        """Which answers are right, or else the metric of each resample."""
        if metric.right:
            return metric.right(scores, self._targets), None
        return None, resampled(metric, scores, self._targets)

    def _spread(self, right: Bools | None, resamples: Floats | None) -> Spread:
        before, resampled_before = self._evidence
        if right is not None and before is not None:
            return of_pairs(before, right)
        assert resamples is not None
        assert resampled_before is not None
        lower_is_better = self._metric.lower_is_better
        drops = drops_between(resampled_before, resamples, lower_is_better=lower_is_better)
        return of_resamples(drops[~np.isnan(drops)])

    def _agreement(self, scores: Array) -> float:
        same = same_answers(self.reference_scores, scores, self._targets, *self._thresholds)
        return float(np.mean(same))

    def _classes(self, scores: Array) -> tuple[ClassChange, ...]:
        if self._labels is None:
            return ()
        return class_changes(
            self._labels, self.reference_scores, scores, self._targets, *self._thresholds
        )

    @property
    def _thresholds(self) -> tuple[Thresholds, Thresholds]:
        return self._metric.thresholds, self._reference_metric.thresholds


def drops_between(reference: Floats, candidate: Floats, *, lower_is_better: bool) -> Floats:
    """By how much figures of a metric are worse than others, of the same shape."""
    # Where both losses are infinite, neither model is the worse; their difference is NaN.
    rise = np.zeros_like(candidate)
    np.subtract(candidate, reference, out=rise, where=candidate != reference)
    # Not -rise: that makes -0.0 of nothing.
    return rise if lower_is_better else 0.0 - rise


def compare_all(
    reference: Mapping[str, PairedComparison], scores: Mapping[str, Array]
) -> dict[str, Comparison]:
    """Compares every output of a candidate, by name."""
    return {name: paired.against(scores[name]) for name, paired in reference.items()}


def _holding(drop: float, interval: tuple[float, float]) -> tuple[float, float]:
    # Of very few examples, both methods can leave out what was observed: shrunk or skewed.
    return min(interval[0], drop), max(interval[1], drop)
