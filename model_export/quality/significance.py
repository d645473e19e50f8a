"""Whether one candidate's quality is significantly better than another's, on the same examples.

With many examples a difference that nobody would notice is significant, most of all one of a metric
that is no fraction of right answers: every weight-only form would lose against float32. So it must
also be a noticeable part of the budget.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from model_export.quality.comparison import Comparison, drops_between
from model_export.quality.intervals import mcnemar_p_value, of_resamples
from model_export.quality.sample_size import DROP_EPSILON
from model_export.recipe.gate import GateSection

NOTICEABLE = 0.1
"""Of `max_drop`: smaller differences are none, however sure they are."""


def advantage(
    better: Mapping[str, Comparison],
    worse: Mapping[str, Comparison],
    budgets: Mapping[str, GateSection],
    confidence: float,
) -> str | None:
    """How one candidate is significantly better than another, for people; None if it is not.

    A fraction of right answers has McNemar's exact test, two-sided; every other metric a paired
    bootstrap, whose percentile interval of the difference must leave out 0. Of several outputs, the
    one is better in some, and the other in none.

    Args:
        better, worse: Each candidate's comparison with the reference, by output name.
        budgets: Of quality, by output name.
        confidence: With which a difference must be significant, 0.5 to 1.
    """
    gains = []
    for name, one in better.items():
        least = NOTICEABLE * budgets[name].allowed_drop
        if _of_output(worse[name], one, least, confidence):
            return None
        gain = _of_output(one, worse[name], least, confidence)
        if gain:
            gains.append(f"output {name!r}: {gain}" if len(better) > 1 else gain)
    return "; ".join(gains) or None


def _of_output(
    better: Comparison, worse: Comparison, least: float, confidence: float
) -> str | None:
    if not worse.drop - better.drop > least + DROP_EPSILON:
        return None
    evidence = _of_pairs(better, worse, confidence) or _of_resamples(better, worse, confidence)
    if evidence is None:
        return None
    return f"{better.metric} {better.candidate:.4f} against {worse.candidate:.4f} ({evidence})"


def _of_pairs(better: Comparison, worse: Comparison, confidence: float) -> str | None:
    if better.right is None or worse.right is None:
        return None
    lost, won = better.right & ~worse.right, worse.right & ~better.right
    p_value = mcnemar_p_value(int(lost.sum()), int(won.sum()))
    return f"p = {p_value:.2g}" if p_value <= 1 - confidence else None


def _of_resamples(better: Comparison, worse: Comparison, confidence: float) -> str | None:
    if better.resampled is None or worse.resampled is None:
        return None
    drops = drops_between(better.resampled, worse.resampled, lower_is_better=better.lower_is_better)
    low, high = of_resamples(drops[~np.isnan(drops)]).interval(confidence)
    if low <= 0:
        return None
    return f"{confidence:.0%} interval of the difference {low:.4f} to {high:.4f}"
