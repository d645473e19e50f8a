"""How many test examples prove that a drop keeps its budget. Nothing is measured."""

from __future__ import annotations

from itertools import count

from benchmarks.compression.document import Block, Table
from model_export import Progress
from model_export.quality.intervals import matched_pairs_interval

_MAX_DROPS = (0.02, 0.01, 0.005)
_CHANGED = (0.005, 0.01, 0.02, 0.05)
_CONFIDENCE = 0.95
_STEP = 10


def run(progress: Progress, *, quick: bool) -> list[Block]:
    """A table by budget, or of the loosest alone, and by how many answers change."""
    columns = ("`gate.max_drop`", *(f"{changed:.1%} of answers change" for changed in _CHANGED))
    with progress.step("examples"):
        rows = tuple(
            (f"{max_drop:g}", *(f"{examples(max_drop, changed):,}" for changed in _CHANGED))
            for max_drop in (_MAX_DROPS[:1] if quick else _MAX_DROPS)
        )
    return [Table(columns, rows)]


def examples(max_drop: float, changed: float) -> int:
    """Enough to prove a drop within the budget where there is none, to the next ten.

    Args:
        max_drop: the budget.
        changed: fraction of answers that are right in one model alone, half of them in each.
    """
    return next(
        total
        for total in count(_STEP, _STEP)
        if matched_pairs_interval(total * changed / 2, total * changed / 2, total, _CONFIDENCE)[1]
        <= max_drop
    )
