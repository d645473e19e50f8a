"""The gate: which candidates keep the budget, and which of these is published."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from model_export.errors import GateError
from model_export.quality.choice import SAME_LATENCY, choose
from model_export.quality.comparison import Comparison
from model_export.quality.sample_size import DROP_EPSILON, examples_needed
from model_export.quality.significance import advantage
from model_export.recipe.gate import GateSection
from model_export.recipe.quantize import Variant
from tflite_serving.contract.evidence import Candidate, FailedCandidate

_DENSE: Variant = "float32"
_SPARSE: Variant = "sparse_float32"


@dataclass(frozen=True, slots=True)
class Weighed:
    """A candidate with its quality against the reference: of each output, by name."""

    candidate: Candidate
    comparisons: Mapping[str, Comparison]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the gate decided.

    Attributes:
        chosen: name of the candidate to publish; None if none keeps the budget.
        candidates: all that were measured, with the reason why each was not chosen.
        metric: of their quality.
        failed: the forms that could not be measured.
    """

    chosen: str | None
    candidates: tuple[Candidate, ...]
    metric: str
    failed: tuple[FailedCandidate, ...] = ()


def judge(
    weighed: Sequence[Weighed],
    gate: GateSection,
    budgets: Mapping[str, GateSection] | None = None,
) -> Verdict:
    """Applies the budget, then chooses; see `choice`.

    Args:
        weighed: the candidates.
        gate: the budget of all but quality, and the preference.
        budgets: of quality, by output name; None is `gate` for all.
    """
    if budgets is None:
        budgets = {name: gate for one in weighed for name in one.comparisons}
    candidates = [w.candidate for w in weighed]
    dense = next((candidate for candidate in candidates if candidate.variant == _DENSE), None)
    misses = {w.candidate.name: _misses(w, gate, budgets, dense) for w in weighed}
    passing = [candidate for candidate in candidates if not misses[candidate.name]]
    drops = {w.candidate.name: worst_drop(_drops(w.comparisons), budgets) for w in weighed}
    compared = {w.candidate.name: w.comparisons for w in weighed}

    def outperforms(better: str, worse: str) -> str | None:
        if gate.spend_budget:
            return None
        return advantage(compared[better], compared[worse], budgets, gate.sure)

    choice = choose(passing, gate.prefer, drops, outperforms)
    chosen = choice.chosen

    def why_not(candidate: Candidate) -> str | None:
        return "; ".join(misses[candidate.name]) or choice.reasons.get(candidate.name)

    return Verdict(
        chosen.name if chosen else None,
        tuple(
            replace(c, passes=not misses[c.name], chosen=c is chosen, why_not=why_not(c))
            for c in candidates
        ),
        next(iter(weighed[0].comparisons.values())).metric,
    )


def require_choice(verdict: Verdict) -> str:
    """The name of the chosen candidate.

    Raises:
        GateError: there is none; it has what each candidate missed, and by how much.
    """
    if verdict.chosen is None:
        raise GateError(verdict.candidates, verdict.metric, verdict.failed)
    return verdict.chosen


def quality_misses(
    comparisons: Mapping[str, Comparison], budgets: Mapping[str, GateSection]
) -> list[str]:
    """What a candidate's quality lacks, in words; empty if every output keeps its budget."""
    several = len(comparisons) > 1
    return [
        f"output {name!r}: {miss}" if several else miss
        for name, comparison in comparisons.items()
        for miss in output_misses(comparison, budgets[name])
    ]


def keeps_drops(drops: Mapping[str, float], budgets: Mapping[str, GateSection]) -> bool:
    """Whether no drop is beyond its budget, however sure it is.

    Args:
        drops, budgets: by output name.
    """
    return all(drop <= budgets[name].allowed_drop + DROP_EPSILON for name, drop in drops.items())


def worst_drop(drops: Mapping[str, float], budgets: Mapping[str, GateSection]) -> float:
    """How bad a quality is: the drop of its metric.

    The drops of several outputs cannot be compared, but the parts that they take of their budgets
    can; of these it is the largest.

    Args:
        drops, budgets: by output name.
    """
    if len(drops) == 1:
        return next(iter(drops.values()))
    return max(drop / max(budgets[name].allowed_drop, DROP_EPSILON) for name, drop in drops.items())


def _drops(comparisons: Mapping[str, Comparison]) -> dict[str, float]:
    return {name: comparison.drop for name, comparison in comparisons.items()}


def output_misses(comparison: Comparison, gate: GateSection) -> list[str]:
    """What the quality of one output lacks, in words; empty if it keeps the budget."""
    found = []
    if gate.confidence is None:
        drop, what = comparison.drop, f"{comparison.metric} is {comparison.drop:.4f} worse"
    else:
        drop = comparison.interval[1]
        what = f"{comparison.metric} may be {drop:.4f} worse ({gate.confidence:.0%} interval)"
    if drop > gate.allowed_drop + DROP_EPSILON:
        over = f"{what}, {drop - gate.allowed_drop:.4f} over max_drop {gate.allowed_drop:g}"
        found.append(over + _how_many(comparison, gate))
    worst = comparison.worst_class_drop
    most = gate.max_class_drop
    if most is not None and worst is not None and worst > most + DROP_EPSILON:
        found.append(
            f"class {_worst_class(comparison)!r} loses {worst:.4f} of its recall, "
            f"{worst - most:.4f} over max_class_drop {most:g}"
        )
    return found


def _worst_class(comparison: Comparison) -> str:
    known = [change for change in comparison.classes if change.examples]
    return max(known, key=lambda change: change.reference - change.published).label


def _how_many(comparison: Comparison, gate: GateSection) -> str:
    """How many examples would prove a drop that is within the budget but not certain."""
    if gate.confidence is None:
        return ""
    needed = examples_needed(comparison, gate.allowed_drop)
    if needed is None:
        return ""
    return (
        f" (the drop itself, {comparison.drop:.4f}, is within it: about {needed:,} test examples "
        f"could prove that, there are {comparison.examples:,})"
    )


def _sparse_misses(candidate: Candidate, dense: Candidate | None) -> list[str]:
    """Sparse encoding must be smaller than the same weights in full, and as fast."""
    if candidate.variant != _SPARSE or dense is None:
        return []
    found = []
    if candidate.bytes >= dense.bytes:
        found.append(f"not smaller than {dense.name}, which has the same weights")
    slower = candidate.latency_ms.p50 / dense.latency_ms.p50
    if slower > SAME_LATENCY:
        found.append(f"{slower:.2f} times as slow as {dense.name}, which has the same weights")
    return found


def _misses(
    weighed: Weighed,
    gate: GateSection,
    budgets: Mapping[str, GateSection],
    dense: Candidate | None,
) -> list[str]:
    candidate = weighed.candidate
    found = [*quality_misses(weighed.comparisons, budgets), *_sparse_misses(candidate, dense)]
    if gate.max_bytes is not None and candidate.bytes > gate.max_bytes:
        over = candidate.bytes - gate.max_bytes
        found.append(f"{candidate.bytes:,} bytes, {over:,} over max_bytes {gate.max_bytes:,}")
    p50 = candidate.latency_ms.p50
    if gate.max_latency_ms is not None and p50 > gate.max_latency_ms:
        over_ms = p50 - gate.max_latency_ms
        found.append(f"p50 {p50:.3f} ms, {over_ms:.3f} over max_latency_ms {gate.max_latency_ms:g}")
    rss = candidate.peak_rss_mib
    if gate.max_rss_mib is not None and rss > gate.max_rss_mib:
        over_mib = rss - gate.max_rss_mib
        found.append(f"{rss:.1f} MiB, {over_mib:.1f} over max_rss_mib {gate.max_rss_mib:g}")
    return found
