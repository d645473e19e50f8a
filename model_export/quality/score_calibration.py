"""Calibration of the predicted probabilities: expected calibration error, reliability."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from model_export.quality.decisions import Thresholds, answers
from model_export.quality.metric import Array, Floats

_BINS = 15
"""Of the answer's score, for calibration: as many as Guo et al. took."""


def calibration_error(scores: Array, targets: Array, thresholds: Thresholds = None) -> float:
    """Expected calibration error: how far answers' scores are from the fraction of right ones.

    Guo et al., "On Calibration of Modern Neural Networks" (2017),
    https://arxiv.org/abs/1706.04599, over 15 bins of equal width; a bin holds its upper end. A
    score outside of 0 to 1 counts as the nearer of the two, and an answer of NaN as a score of 1
    that is wrong. The score of an answer is that of the class that the model says, which with a
    threshold need not be the best; of several labels, each one's yes or no is an answer.

    Args:
        scores: [examples, classes].
        targets: [examples] class indices, or [examples, labels] bool.
        thresholds: of the output.

    Returns:
        0 to 1.
    """
    bins = _reliability_bins(scores, targets, thresholds)
    gaps = (
        one.examples * abs(one.score - one.accuracy)
        for one in bins
        if one.score is not None and one.accuracy is not None
    )
    return sum(gaps) / targets.size


def reliability(
    reference_scores: Array,
    published_scores: Array,
    targets: Array,
    thresholds: Thresholds = None,
    reference_thresholds: Thresholds = None,
) -> Reliability:
    """How both models are calibrated; see `calibration_error`, also for the arguments.

    Args:
        reference_scores, published_scores, targets: As there.
        thresholds: of the published model.
        reference_thresholds: of the reference; None for the same.
    """
    used = reference_thresholds or thresholds
    return Reliability(
        reference_error=calibration_error(reference_scores, targets, used),
        published_error=calibration_error(published_scores, targets, thresholds),
        reference=_reliability_bins(reference_scores, targets, used),
        published=_reliability_bins(published_scores, targets, thresholds),
    )


def _reliability_bins(
    scores: Array, targets: Array, thresholds: Thresholds
) -> tuple[ReliabilityBin, ...]:
    answered = answers(scores, thresholds) if targets.ndim == 1 else None
    if answered is None:
        # Each label is a question of its own.
        at = np.broadcast_to(np.array(thresholds or 0.5, scores.dtype), scores.shape).ravel()
        scores = np.stack([1 - scores.ravel(), scores.ravel()], axis=1)
        answered = np.where(np.isnan(scores[:, 1]), -1, scores[:, 1] >= at)
        targets = targets.ravel()
    own = np.where(answered < 0, np.nan, scores[np.arange(len(scores)), answered])
    best = np.clip(np.nan_to_num(own.astype(np.float64), nan=1.0), 0, 1)
    right = answered == targets
    place = np.clip(np.ceil(best * _BINS).astype(np.int64) - 1, 0, None)
    return tuple(
        _reliability_bin(index, best[place == index], right[place == index])
        for index in range(_BINS)
    )


def _reliability_bin(index: int, best: Floats, right: npt.NDArray[np.bool_]) -> ReliabilityBin:
    examples = len(best)
    return ReliabilityBin(
        low=index / _BINS,
        high=(index + 1) / _BINS,
        examples=examples,
        score=float(np.mean(best)) if examples else None,
        accuracy=float(np.mean(right)) if examples else None,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ReliabilityBin:
    """Answers whose score lies in one interval.

    Attributes:
        low, high: of the score of what is answered.
        examples: how many.
        score: their mean score; None if there are none.
        accuracy: fraction of them that are right; None if there are none.
    """

    low: float
    high: float
    examples: int
    score: float | None
    accuracy: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reliability:
    """Whether scores mean what they say: Guo et al. (2017), https://arxiv.org/abs/1706.04599.

    Attributes:
        reference_error, published_error: expected calibration error, 0 to 1.
        reference, published: the bins.
    """

    reference_error: float
    published_error: float
    reference: tuple[ReliabilityBin, ...]
    published: tuple[ReliabilityBin, ...]
