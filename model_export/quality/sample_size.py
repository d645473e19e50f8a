"""How many test examples it takes to prove that a drop is within its budget."""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
from numpy.polynomial import Polynomial

from model_export.quality.comparison import Comparison

DROP_EPSILON = 1e-12
"""Less of a drop than this is none: 0.98 - 0.97 is more than 0.01 in binary."""


def examples_needed(comparison: Comparison, max_drop: float) -> int | None:
    """The number of examples whose interval would end within the budget.

    It supposes that more examples would show the same: the same fractions of lost and won answers,
    or the same spread, in which case the distance from the drop to the upper end shrinks with the
    square root of the number.

    Args:
        comparison: what was observed; its `interval` is the one that counts.
        max_drop: the budget.

    Returns:
        the smallest number from which on every number is enough; None if none is, because the drop
        itself takes up the budget.
    """
    room = max_drop - comparison.drop
    # Not "<=", because the room is NaN where everything is infinite.
    if not room > DROP_EPSILON:
        return None
    if comparison.discordant is not None:
        return _fewest_pairs(comparison, comparison.discordant, max_drop)
    reach = comparison.interval[1] - comparison.drop
    if not math.isfinite(reach):
        return None
    return max(1, math.ceil(comparison.examples * (reach / room) ** 2))


def _fewest_pairs(comparison: Comparison, discordant: tuple[int, int], max_drop: float) -> int:
    """From when on `matched_pairs_interval` stays within the budget.

    The square of "reach <= max_drop - drop", of n examples, times (n + 2)³, is a cubic in n that
    ends positive, so that its last root is the answer. A search for the first n that fits would
    stop at a handful of examples, where the half observations outweigh the real ones.
    """
    if max_drop >= 1:
        return 1
    lost, won = (count / comparison.examples for count in discordant)
    z = NormalDist().inv_cdf((1 + comparison.confidence) / 2)
    n = Polynomial([0.0, 1.0])
    total, difference = n + 2, (lost - won) * n
    variance = ((lost + won) * n + 1) * total - difference**2
    roots = (total * (max_drop * total - difference) ** 2 - z**2 * variance).roots()
    last = float(roots[np.isreal(roots)].real.max())
    return max(1, math.ceil(last))
