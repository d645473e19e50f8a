"""The gate: which candidates keep the budget, and which of these is published."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from model_export.quality.choice import SAME_LATENCY, Choice, choose
from model_export.quality.comparison import Comparison
from model_export.quality.evaluated_candidate import EvaluatedCandidate
from model_export.quality.sample_size import DROP_EPSILON, examples_needed
from model_export.quality.significance import advantage
from model_export.recipe.gate import GateSection
from model_export.recipe.variants import VARIANTS, VariantName


def judge(
    evaluated: Sequence[EvaluatedCandidate],
    gate: GateSection,
    budgets: Mapping[str, GateSection] | None = None,
) -> Choice:
    """Applies the budget, then chooses; see `choice`.

    Args:
        evaluated: The candidates.
        gate: The budget of all but quality, and the preference.
        budgets: Budgets of quality, by output name; None is `gate` for all.

    Returns:
        What is published, and the reason why each other candidate is not.
    """
    if budgets is None:
        budgets = {name: gate for one in evaluated for name in one.comparisons}
    first = {one.candidate.variant: one for one in reversed(evaluated)}
    misses = {one.name: _misses(one, gate, budgets, first) for one in evaluated}
    passing = [one for one in evaluated if not misses[one.name]]
    drops = {one.name: worst_drop(_drops(one.comparisons), budgets) for one in evaluated}
    compared = {one.name: one.comparisons for one in evaluated}

    def outperforms(better: str, worse: str) -> str | None:
        if gate.spend_budget:
            return None
        return advantage(compared[better], compared[worse], budgets, gate.sure)

    choice = choose(passing, gate.prefer, drops, outperforms)
    missed = {name: "; ".join(found) for name, found in misses.items() if found}
    return replace(choice, reasons={**choice.reasons, **missed})


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


def _misses(
    evaluated: EvaluatedCandidate,
    gate: GateSection,
    budgets: Mapping[str, GateSection],
    by_variant: Mapping[VariantName, EvaluatedCandidate],
) -> list[str]:
    found = quality_misses(evaluated.comparisons, budgets)
    compared_with = VARIANTS[evaluated.candidate.variant].compared_with
    other = None if compared_with is None else by_variant.get(compared_with)
    if other is not None:
        found += _same_weights_misses(evaluated, other)
    if gate.max_bytes is not None and evaluated.bytes > gate.max_bytes:
        over = evaluated.bytes - gate.max_bytes
        found.append(f"{evaluated.bytes:,} bytes, {over:,} over max_bytes {gate.max_bytes:,}")
    p50 = evaluated.p50_ms
    if gate.max_latency_ms is not None and p50 > gate.max_latency_ms:
        over_ms = p50 - gate.max_latency_ms
        found.append(f"p50 {p50:.3f} ms, {over_ms:.3f} over max_latency_ms {gate.max_latency_ms:g}")
    rss = evaluated.timing.peak_rss_mib
    if gate.max_rss_mib is not None and rss > gate.max_rss_mib:
        over_mib = rss - gate.max_rss_mib
        found.append(f"{rss:.1f} MiB, {over_mib:.1f} over max_rss_mib {gate.max_rss_mib:g}")
    return found


def _same_weights_misses(evaluated: EvaluatedCandidate, other: EvaluatedCandidate) -> list[str]:
    """Another encoding of the same weights must be smaller, and as fast."""
    found = []
    if evaluated.bytes >= other.bytes:
        found.append(f"not smaller than {other.name}, which has the same weights")
    slower = evaluated.p50_ms / other.p50_ms
    if slower > SAME_LATENCY:
        found.append(f"{slower:.2f} times as slow as {other.name}, which has the same weights")
    return found
