"""Confidence intervals of a metric's drop, and McNemar's test."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from statistics import NormalDist

import numpy as np

from model_export.quality.metric import Bools, Floats


@dataclass(frozen=True, slots=True)
class Spread:
    """What is known of a drop beside its value.

    Attributes:
        method: how the interval is found, for people.
        interval: from a confidence to the lower and upper end.
        discordant: examples that the reference alone got right, and the candidate alone, where
            the metric is a fraction of right answers.
    """

    method: str
    interval: Callable[[float], tuple[float, float]]
    discordant: tuple[int, int] | None = None


def of_pairs(before: Bools, after: Bools) -> Spread:
    """Of a fraction of right answers.

    Args:
        before, after: [examples], which the reference and the candidate got right.
    """
    lost, won = int(np.sum(before & ~after)), int(np.sum(~before & after))
    return Spread(
        "Agresti & Min 2005, paired proportions",
        partial(matched_pairs_interval, lost, won, len(before)),
        (lost, won),
    )


def of_resamples(drops: Floats) -> Spread:
    """Of any metric, from the drops in resamples of the examples."""
    return Spread(
        f"paired bootstrap, percentile, {len(drops)} resamples", partial(_percentiles, drops)
    )


def matched_pairs_interval(
    lost: float, won: float, total: float, confidence: float
) -> tuple[float, float]:
    """An interval of the drop in a fraction of right answers, over paired examples.

    Only the examples that one model gets right and the other wrong tell anything. The method is
    that of Agresti & Min, "Simple improved confidence intervals for comparing matched proportions"
    (2005), https://doi.org/10.1002/sim.1781: Wald's interval after adding half an observation to
    each of the four cells. It stays honest where nothing changed at all.

    Args:
        lost, won: examples that the reference alone, and the candidate alone, gets right.
        total: of examples.
        confidence: that the interval holds the true drop.

    Returns:
        lower and upper end of reference fraction minus candidate fraction, within -1 and 1.
    """
    lost, won, total = lost + 0.5, won + 0.5, total + 2
    drop = (lost - won) / total
    deviation = math.sqrt(lost + won - (lost - won) ** 2 / total) / total
    reach = NormalDist().inv_cdf((1 + confidence) / 2) * deviation
    return max(-1.0, drop - reach), min(1.0, drop + reach)


def mcnemar_p_value(lost: int, won: int) -> float:
    """The two-sided p-value of McNemar's exact test: that one model is right as often as another.

    McNemar, "Note on the sampling error of the difference between correlated proportions or
    percentages", 1947, https://doi.org/10.1007/BF02295996; the exact form is the sign test of the
    examples that only one of them gets right.

    Args:
        lost, won: Examples that the one alone, and the other alone, gets right.
    """
    total = lost + won

    def chance(count: int) -> float:
        ways = math.lgamma(total + 1) - math.lgamma(count + 1) - math.lgamma(total - count + 1)
        return math.exp(ways - total * math.log(2))

    return min(1.0, 2 * math.fsum(map(chance, range(max(lost, won), total + 1))))


def _percentiles(drops: Floats, confidence: float) -> tuple[float, float]:
    # The resample just outside, not a value between two: one of them may be infinite.
    low = np.quantile(drops, (1 - confidence) / 2, method="lower")
    high = np.quantile(drops, (1 + confidence) / 2, method="higher")
    return float(low), float(high)
