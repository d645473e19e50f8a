"""Which of the candidates that keep the budget is published.

Significant differences of quality come first: who loses significantly more than another is out, and
with them all that lose as much. Of the rest, what the recipe prefers decides, then quality, then
size. What is left after the first step is a beginning of the order by quality, so that the choice
does not depend on the order of the candidates, and a candidate that is slower, larger and no better
than another is never chosen.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from model_export.quality.evaluated_candidate import EvaluatedCandidate
from model_export.recipe.gate import Preference

SAME_LATENCY = 1.05
"""Two measurements of one model differ by this much: within it, neither candidate is faster."""

Outperforms = Callable[[str, str], str | None]
"""From two names to how the first is significantly better, for people; None where it is not."""

_QUALITY, _SMALLER, _FASTER = "of better quality", "smaller", "faster"
_ORDERS: Mapping[Preference, tuple[str, ...]] = {
    "latency": (_FASTER, _QUALITY, _SMALLER),
    "size": (_SMALLER, _QUALITY),
    "quality": (_QUALITY, _SMALLER),
}
_LAST = ("smaller when compressed", _FASTER)


@dataclass(frozen=True, slots=True)
class Choice:
    """What is published of several candidates.

    Attributes:
        chosen: The candidate; None if none keeps the budget.
        passing: Names of the candidates that keep the budget.
        reasons: Why each other one is not chosen, by name.
    """

    chosen: EvaluatedCandidate | None
    passing: frozenset[str]
    reasons: Mapping[str, str]


def choose(
    passing: Sequence[EvaluatedCandidate],
    prefer: Preference,
    drops: Mapping[str, float],
    outperforms: Outperforms,
) -> Choice:
    """Chooses among candidates that keep the budget.

    Args:
        passing: The candidates, in any order.
        prefer: What the chosen one is best at.
        drops: Loss of quality against the Keras model, by candidate name.
        outperforms: The test of two candidates.
    """
    reasons = _significantly_worse(passing, drops, outperforms)
    order = _Order([one for one in passing if one.name not in reasons], prefer, drops)
    chosen = min(order.candidates, key=order.costs, default=None)
    for other in order.candidates:
        if chosen is not None and other is not chosen:
            reasons[other.name] = f"passes, but {chosen.name} {order.advantage(chosen, other)}"
    return Choice(chosen, frozenset(one.name for one in passing), reasons)


def _significantly_worse(
    passing: Sequence[EvaluatedCandidate], drops: Mapping[str, float], outperforms: Outperforms
) -> dict[str, str]:
    """Why candidates are out before any preference, by name."""
    ranked = sorted(passing, key=lambda one: (drops[one.name], one.name))
    reasons: dict[str, str] = {}
    for worse in ranked:
        better = (one.name for one in ranked if drops[one.name] < drops[worse.name])
        found = ((name, how) for name in better if (how := outperforms(name, worse.name)))
        for name, how in islice(found, 1):
            reasons[worse.name] = f"passes, but {name} is significantly better: {how}"
    if not reasons:
        return {}
    beaten = next(one.name for one in ranked if one.name in reasons)
    as_bad = [one.name for one in ranked if drops[one.name] >= drops[beaten]]
    told = f"passes, but {beaten} is no worse, and another is significantly better than that"
    return {name: reasons.get(name, told) for name in as_bad}


class _Order:
    """What the recipe prefers, as costs that can be compared one after the other."""

    def __init__(
        self,
        candidates: Sequence[EvaluatedCandidate],
        prefer: Preference,
        drops: Mapping[str, float],
    ) -> None:
        self.candidates = candidates
        self._drops = drops
        self._advantages = (*_ORDERS[prefer], *_LAST)
        self._fastest = min((one.p50_ms for one in candidates), default=0.0)

    def costs(self, candidate: EvaluatedCandidate) -> tuple[tuple[float, ...], str]:
        """Lower is better, the first the most important; a name, so that no two are equal."""
        latency = candidate.p50_ms
        costs = {
            # Against the fastest, not of two: "as fast as" one after the other leads far away.
            _FASTER: max(latency, self._fastest * SAME_LATENCY),
            _SMALLER: candidate.bytes,
            "smaller when compressed": candidate.gzip_bytes,
            # The drop, not the metric: less is better for every metric.
            _QUALITY: self._drops[candidate.name],
        }
        return tuple(costs[advantage] for advantage in self._advantages), candidate.name

    def advantage(self, chosen: EvaluatedCandidate, other: EvaluatedCandidate) -> str:
        """The most important thing in which the chosen candidate is better."""
        costs, others = self.costs(chosen)[0], self.costs(other)[0]
        pairs = zip(self._advantages, costs, others, strict=True)
        better = (advantage for advantage, cost, other_cost in pairs if cost < other_cost)
        return f"is {next(better, 'as good in everything, and comes first by name')}"
