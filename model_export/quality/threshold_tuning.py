"""Tunes decision thresholds, where significantly better than 0.5 on held-out examples.

A threshold that is chosen and judged on the same examples looks better than it is. So one half of
the validation split chooses, and the other half judges: a paired randomization test (Noreen,
"Computer-Intensive Methods for Testing Hypotheses", 1989; for F1: Yeh, 2000,
https://aclanthology.org/C00-2137) compares the answers there with those at 0.5. Of accuracy, it is
McNemar's exact test. Halves that change roles, as in cross-validation, would tell nothing more: a
majority that the split has by chance is in both of them, and to answer it always seems a gain.

Of several labels, each is tested, and Holm's correction (1979) keeps the chance that any of them is
tuned for nothing as small as that of one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from model_export.quality.metric import Array, Bools, Metric
from model_export.quality.multi_label import label_metrics
from model_export.quality.thresholds import Quality, best_threshold, f1, quality_of, reached
from model_export.signature.outputs import DEFAULT_THRESHOLD

_SWAPS = 20_000
"""Random exchanges of the two answers, from which a chance of 5 % in 100 labels can be told."""


@dataclass(frozen=True, slots=True)
class Tuning:
    """What tuning the thresholds of one output came to.

    Attributes:
        thresholds: Those to use: tuned where the gain is significant, 0.5 elsewhere.
        metric: Name of the metric of the next two figures.
        at_half, tuned: The metric at 0.5, and at the thresholds that were chosen, on the examples
            that did not choose them. Of several labels, the significant ones alone are tuned.
        examples: That judged.
        p_value: Two-sided, of the gain; of several labels, the smallest. 1 where nothing is gained.
        confidence: With which a gain had to be significant.
    """

    thresholds: tuple[float, ...]
    metric: str
    at_half: float
    tuned: float
    examples: int
    p_value: float
    confidence: float

    @property
    def in_words(self) -> str:
        """The thresholds, and the figures that speak for or against them."""
        changed = [f"{each:g}" for each in self.thresholds if each != DEFAULT_THRESHOLD]
        most = 4
        more = f" and {len(changed) - most} more" if len(changed) > most else ""
        told = ", ".join(changed[:most]) + more
        if len(self.thresholds) > 1:
            told = f"{told or 'none'} of {len(self.thresholds)} labels"
        significant = "significant" if changed else "not significant"
        return (
            f"tuned threshold{'' if len(self.thresholds) == 1 else 's'}: {told or 'none'}; on the "
            f"{self.examples} validation examples that did not choose, {self.metric} "
            f"{self.at_half:.4f} at 0.5, {self.tuned:.4f} tuned (p = {self.p_value:.2g}, "
            f"{significant} at {self.confidence:.0%})"
        )


def tune_thresholds(metric: Metric, scores: Array, targets: Array, confidence: float) -> Tuning:
    """Tunes the thresholds of one output where that is significantly better than 0.5.

    Accuracy decides for a single score, or macro F1 where that is the metric; F1 decides for each
    of several labels. The other metrics do not depend on thresholds, or not on single ones.

    Args:
        metric: Of the output.
        scores: [examples, 2] of a single score, or [examples, labels].
        targets: [examples] class indices, or [examples, labels] bool.
        confidence: With which the gain must be significant, 0.5 to 1.
    """
    judges = np.random.default_rng(0).permutation(len(targets)) % 2 == 0
    if targets.ndim == 1:
        name, quality = quality_of(metric)
        one = _Trial(scores[:, 1], targets == 1, quality, judges)
        kept = one.threshold if _significant([one.p_value], confidence)[0] else DEFAULT_THRESHOLD
        before, after = (
            float(quality(*_counts(said, one.positive))[0]) for said in (one.half, one.tuned)
        )
        return Tuning((kept,), name, before, after, len(one.half), one.p_value, confidence)
    trials = [_Trial(*column, f1, judges) for column in zip(scores.T, targets.T, strict=True)]
    p_values = [trial.p_value for trial in trials]
    tuned = _significant(p_values, confidence)
    judged = _of_answers(metric, targets[judges])
    before, after = (
        judged.compute(np.stack(columns, axis=1).astype(np.float32), targets[judges])
        for columns in (
            [trial.half for trial in trials],
            [t.tuned if is_tuned else t.half for t, is_tuned in zip(trials, tuned, strict=True)],
        )
    )
    # What is better for each label may be worse for all of them together.
    thresholds = tuple(
        trial.threshold if is_tuned and after > before else DEFAULT_THRESHOLD
        for trial, is_tuned in zip(trials, tuned, strict=True)
    )
    return Tuning(
        thresholds, judged.name, before, after, int(judges.sum()), min(p_values), confidence
    )


class _Trial:
    """The best threshold of one score on half of the examples, judged on the other half.

    Args:
        scores: [examples], 0 to 1.
        positive: [examples], the truth.
        quality: What is to be good.
        judges: [examples], those that do not choose.

    Attributes:
        threshold: The best of the examples that choose.
        positive: [judges], the truth.
        half, tuned: [judges], which reach 0.5, and `threshold`.
        p_value: Two-sided, of the gain; 1 if there is none.
    """

    def __init__(self, scores: Array, positive: Bools, quality: Quality, judges: Bools) -> None:
        self.threshold = best_threshold(scores[~judges], positive[~judges], quality)
        self.positive = positive[judges]
        self.half, self.tuned = (
            reached(scores[judges], at) for at in (DEFAULT_THRESHOLD, self.threshold)
        )
        self.p_value = randomization_p_value(self.half, self.tuned, self.positive, quality)


def randomization_p_value(before: Bools, after: Bools, positive: Bools, quality: Quality) -> float:
    """The two-sided p-value of a gain in quality; 1 where there is none.

    If it made no difference which of the two said what, exchanging them at random, example by
    example, would give as large a gain by chance. Only examples on which they differ matter, and of
    these only how many of each kind are exchanged.

    Args:
        before, after: [examples], which are said to be positive.
        positive: [examples], the truth.
        quality: From counts; see `Quality`.
    """
    start, end = (list(_counts(said, positive)) for said in (before, after))
    observed = float((quality(*end) - quality(*start))[0])
    if observed <= 0:
        return 1.0
    rng = np.random.default_rng(0)
    # A positive is a hit or a miss, a negative a right rejection or a false alarm.
    for truth, (right, wrong) in ((True, (0, 2)), (False, (3, 1))):
        won = (positive == truth) & (after != before) & (after == truth)
        lost = (positive == truth) & (after != before) & (before == truth)
        moved = rng.binomial(won.sum(), 0.5, _SWAPS) - rng.binomial(lost.sum(), 0.5, _SWAPS)
        start[right], start[wrong] = start[right] + moved, start[wrong] - moved
        end[right], end[wrong] = end[right] - moved, end[wrong] + moved
    gains = quality(*end) - quality(*start)
    # Not "==": the same gain may be another float.
    as_large = int(np.sum(gains >= observed - 1e-12))
    return min(1.0, 2 * (as_large + 1) / (_SWAPS + 1))


def _counts(said: Bools, positive: Bools) -> tuple[Array, Array, Array, Array]:
    """Hits, false alarms, misses and right rejections, [1] each."""
    cells = (said & positive, said & ~positive, ~said & positive, ~said & ~positive)
    hits, alarms, misses, rejections = (np.array([cell.sum()]) for cell in cells)
    return hits, alarms, misses, rejections


def _significant(p_values: Sequence[float], confidence: float) -> list[bool]:
    """Which of several gains are significant.

    Holm, "A Simple Sequentially Rejective Multiple Test Procedure", 1979.
    """
    found = [False] * len(p_values)
    for rank, index in enumerate(np.argsort(p_values, kind="stable")):
        if p_values[index] > (1 - confidence) / (len(p_values) - rank):
            break
        found[index] = True
    return found


def _of_answers(metric: Metric, targets: Bools) -> Metric:
    """The metric of answers of 0 and 1: micro F1, or another one that thresholds change."""
    found = label_metrics((DEFAULT_THRESHOLD,) * targets.shape[1])
    if not targets.any():  # of labels that no example has, there is no F1
        return found["subset_accuracy"]
    return found[metric.name if metric.name in ("macro_f1", "subset_accuracy") else "micro_f1"]
