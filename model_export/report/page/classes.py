"""Selects the classes and confusions that the page shows, most changed first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from model_export.quality.classes import ClassChange, Confusion, ConfusionCount

MOST = 20
"""Classes beyond which the report shows only what changed most."""


def change(row: ClassChange) -> float:
    """By how much more of the class is right; negative if less is."""
    return row.published - row.reference


def most_changed(classes: Sequence[ClassChange]) -> list[ClassChange]:
    """At most `MOST` classes that have examples, the worst first."""
    measured = [row for row in classes if row.examples]
    kept = sorted(measured, key=lambda row: -abs(change(row)))[:MOST]
    return sorted(kept, key=lambda row: (change(row), row.published))


def more(count: ConfusionCount) -> int:
    """How many more there are."""
    return count.published - count.reference


def kind(count: ConfusionCount) -> Literal["better", "worse", "same"]:
    """More right answers are better, more wrong ones worse."""
    if not more(count):
        return "same"
    return "better" if (more(count) > 0) == (count.truth == count.answer) else "worse"


def heat_map(confusion: Confusion) -> list[list[ConfusionCount]]:
    """All counts: a row for each right class, a column for each answer."""
    found = {(count.truth, count.answer): count for count in confusion.counts}
    return [
        [
            found.get((truth, answer))
            or ConfusionCount(truth=truth, answer=answer, reference=0, published=0)
            for answer in confusion.labels
        ]
        for truth in confusion.labels
    ]


def changed_pairs(confusion: Confusion) -> list[ConfusionCount]:
    """The counts that changed, those that changed most first."""
    changed = [count for count in confusion.counts if more(count)]
    return sorted(changed, key=lambda count: (-abs(more(count)), kind(count) != "worse"))
