"""How good a candidate is, against the Keras model, on the same examples."""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import Any

import numpy as np
import numpy.typing as npt


def accuracy(scores: npt.NDArray[Any], classes: npt.NDArray[np.int64]) -> float:
    """The fraction of examples whose best score is that of the right class.

    Args:
        scores: [examples, classes].
        classes: [examples], the right ones.
    """
    return float(np.mean(_right(scores, classes)))


def drop_interval(
    reference: npt.NDArray[Any],
    candidate: npt.NDArray[Any],
    classes: npt.NDArray[np.int64],
    confidence: float = 0.95,
) -> tuple[float, float]:
    """An interval of the drop in accuracy over paired examples.

    Only the examples that one of the two gets right and the other wrong tell anything. The method
    is that of Agresti & Min, "Simple improved confidence intervals for comparing matched
    proportions" (2005), https://doi.org/10.1002/sim.1781: Wald's interval after adding half an
    observation to each cell. It stays honest where nothing changed at all.

    Args:
        reference, candidate: [examples, classes], scores of the two models.
        classes: [examples], the right ones.
        confidence: that the interval holds the true drop.

    Returns:
        lower and upper end of reference accuracy minus candidate accuracy.
    """
    right, still_right = _right(reference, classes), _right(candidate, classes)
    lost = float(np.sum(right & ~still_right)) + 0.5
    won = float(np.sum(~right & still_right)) + 0.5
    total = len(classes) + 2.0
    drop = (lost - won) / total
    deviation = math.sqrt(lost + won - (lost - won) ** 2 / total) / total
    reach = NormalDist().inv_cdf((1 + confidence) / 2) * deviation
    return max(-1.0, drop - reach), min(1.0, drop + reach)


def _right(scores: npt.NDArray[Any], classes: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    # argmax takes NaN for the best score: an answer of NaN is never right.
    return np.asarray((scores.argmax(axis=-1) == classes) & ~np.isnan(scores).any(axis=-1))
