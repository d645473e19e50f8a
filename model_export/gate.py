"""The gate: which candidates keep the quality budget, and which of these is published."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from model_export.errors import GateError
from model_export.recipe import GateSection, Variant
from tflite_serving.contract.evidence import Candidate, Latency

_SAME_LATENCY = 1.05
"""Two measurements of one model differ by this much: within it, the smaller candidate wins."""


@dataclass(frozen=True, slots=True)
class Measured:
    """A candidate as the gate sees it.

    Attributes:
        variant: its name.
        bytes, gzip_bytes, sparsity, quality, latency_ms, peak_rss_mib: see `Candidate`.
        drop: of quality against the reference.
        drop_interval: of the drop, at the gate's confidence or else at 95 %.
    """

    variant: Variant
    bytes: int
    gzip_bytes: int
    sparsity: float
    quality: float
    latency_ms: Latency
    peak_rss_mib: float
    drop: float
    drop_interval: tuple[float, float]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the gate decided.

    Attributes:
        chosen: the variant to publish; None if none keeps the budget.
        candidates: all of them, with the reason why each was not chosen.
    """

    chosen: Variant | None
    candidates: tuple[Candidate, ...]


def judge(measured: Sequence[Measured], gate: GateSection) -> Verdict:
    """Applies the budget, then the preference.

    A candidate that is both slower and larger than another that passes is never chosen.
    """
    misses = {candidate.variant: _misses(candidate, gate) for candidate in measured}
    passing = [candidate for candidate in measured if not misses[candidate.variant]]
    fastest = min((candidate.latency_ms.p50 for candidate in passing), default=0.0)
    chosen = min(
        (candidate for candidate in passing if _rival(candidate, passing) is None),
        key=lambda candidate: _order(candidate, gate.prefer, fastest),
        default=None,
    )

    def why_not(candidate: Measured) -> str | None:
        if candidate is chosen:
            return None
        if misses[candidate.variant]:
            return "; ".join(misses[candidate.variant])
        rival = _rival(candidate, passing)
        if rival is not None:
            return f"passes, but {rival.variant} is faster and smaller"
        assert chosen is not None
        return f"passes, but {chosen.variant} {_advantage(chosen, candidate, gate.prefer, fastest)}"

    return Verdict(
        chosen.variant if chosen else None,
        tuple(
            Candidate(
                name=candidate.variant,
                bytes=candidate.bytes,
                gzip_bytes=candidate.gzip_bytes,
                sparsity=candidate.sparsity,
                quality=candidate.quality,
                latency_ms=candidate.latency_ms,
                peak_rss_mib=candidate.peak_rss_mib,
                chosen=candidate is chosen,
                why_not=why_not(candidate),
            )
            for candidate in measured
        ),
    )


def require_choice(verdict: Verdict) -> Variant:
    """The chosen variant.

    Raises:
        GateError: there is none; the message lists what each candidate missed, and by how much.
    """
    if verdict.chosen is None:
        lines = [f"  {candidate.name}: {candidate.why_not}" for candidate in verdict.candidates]
        raise GateError(
            "no candidate keeps the budget; nothing was published\n"
            + "\n".join(lines)
            + "\nprune less, add variants to quantize.variants, or widen the budget in [gate]"
        )
    return verdict.chosen


def _misses(candidate: Measured, gate: GateSection) -> list[str]:
    found = []
    if gate.confidence is None:
        drop, what = candidate.drop, f"{gate.metric} drops by {candidate.drop:.4f}"
    else:
        drop = candidate.drop_interval[1]
        what = f"{gate.metric} may drop by {drop:.4f} ({gate.confidence:.0%} interval)"
    # A hair of room, because 0.98 - 0.97 is more than 0.01 in binary.
    if drop > gate.max_drop + 1e-12:
        found.append(f"{what}, {drop - gate.max_drop:.4f} over max_drop {gate.max_drop:g}")
    if gate.max_bytes is not None and candidate.bytes > gate.max_bytes:
        over = candidate.bytes - gate.max_bytes
        found.append(f"{candidate.bytes} bytes, {over} over max_bytes {gate.max_bytes}")
    p50 = candidate.latency_ms.p50
    if gate.max_latency_ms is not None and p50 > gate.max_latency_ms:
        over_ms = p50 - gate.max_latency_ms
        found.append(f"p50 {p50:.3f} ms, {over_ms:.3f} over max_latency_ms {gate.max_latency_ms:g}")
    return found


def _rival(candidate: Measured, passing: Sequence[Measured]) -> Measured | None:
    return next(
        (
            other
            for other in passing
            if other.latency_ms.p50 < candidate.latency_ms.p50 and other.bytes < candidate.bytes
        ),
        None,
    )


_ORDERS = {
    "latency": ("faster", "smaller", "of better quality"),
    "size": ("smaller", "faster", "of better quality"),
    "quality": ("of better quality", "faster", "smaller"),
}


def _order(candidate: Measured, prefer: str, fastest: float) -> tuple[float, ...]:
    latency = candidate.latency_ms.p50
    costs = {
        "faster": fastest if latency <= fastest * _SAME_LATENCY else latency,
        "smaller": candidate.bytes,
        "of better quality": -candidate.quality,
    }
    return tuple(costs[advantage] for advantage in _ORDERS[prefer])


def _advantage(chosen: Measured, other: Measured, prefer: str, fastest: float) -> str:
    """The first thing, in the order of preference, in which the chosen candidate is better."""
    costs = zip(_order(chosen, prefer, fastest), _order(other, prefer, fastest), strict=True)
    for advantage, (cost, other_cost) in zip(_ORDERS[prefer], costs, strict=True):
        if cost < other_cost:
            return f"is {advantage}"
    return "is as good in everything, and comes first"
