"""Whether scores mean what they say: calibration error and reliability."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from model_export.metrics import Array, Floats, right_answers
from model_export.report.document import Reliability, ReliabilityBin

_BINS = 15
"""Of the best score, for calibration: as many as Guo et al. took."""


def calibration_error(scores: Array, targets: Array) -> float:
    """Expected calibration error: how far best scores are from the fraction of right answers.

    Guo et al., "On Calibration of Modern Neural Networks" (2017),
    https://arxiv.org/abs/1706.04599, over 15 bins of equal width; a bin holds its upper end. A
    score outside of 0 to 1 counts as the nearer of the two, and an answer of NaN as a score of 1
    that is wrong.

    Args:
        scores: [examples, classes].
        targets: [examples] class indices.

    Returns:
        0 to 1.
    """
    bins = _reliability_bins(scores, targets)
    gaps = (
        one.examples * abs(one.score - one.accuracy)
        for one in bins
        if one.score is not None and one.accuracy is not None
    )
    return sum(gaps) / len(targets)


def reliability(reference_scores: Array, published_scores: Array, targets: Array) -> Reliability:
    """How both models are calibrated; see `calibration_error`, also for the arguments."""
    return Reliability(
        reference_error=calibration_error(reference_scores, targets),
        published_error=calibration_error(published_scores, targets),
        reference=_reliability_bins(reference_scores, targets),
        published=_reliability_bins(published_scores, targets),
    )


def _reliability_bins(scores: Array, targets: Array) -> tuple[ReliabilityBin, ...]:
    best = np.clip(np.nan_to_num(scores.max(axis=-1).astype(np.float64), nan=1.0), 0, 1)
    right = right_answers(scores, targets)
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
