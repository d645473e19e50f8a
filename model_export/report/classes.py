"""What compression did to single classes, and to the pairs that are taken for one another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from model_export.report.output import ClassChange, Confusion

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


@dataclass(frozen=True, slots=True)
class Cell:
    """How a count of the confusion matrix changed.

    Attributes:
        truth, answer: labels.
        before, after: the counts.
        right: whether it lies on the diagonal.
    """

    truth: str
    answer: str
    before: int
    after: int
    right: bool

    @property
    def change(self) -> int:
        """How many more."""
        return self.after - self.before

    @property
    def kind(self) -> Literal["better", "worse", "same"]:
        """More right answers are better, more wrong ones worse."""
        if not self.change:
            return "same"
        return "better" if (self.change > 0) == self.right else "worse"


def heat_map(confusion: Confusion) -> list[list[Cell]]:
    """The difference of the two matrices: a row for each right class."""
    each = range(len(confusion.labels))
    return [[_cell(confusion, row, column) for column in each] for row in each]


def changed_pairs(confusion: Confusion) -> list[Cell]:
    """The counts that changed, those that changed most first."""
    changed = [
        _cell(confusion, row, column)
        for row, (before, after) in enumerate(
            zip(confusion.reference, confusion.published, strict=True)
        )
        for column in range(len(before))
        if before[column] != after[column]
    ]
    return sorted(changed, key=lambda cell: (-abs(cell.change), cell.kind != "worse"))


def _cell(confusion: Confusion, row: int, column: int) -> Cell:
    return Cell(
        confusion.labels[row],
        confusion.labels[column],
        confusion.reference[row][column],
        confusion.published[row][column],
        row == column,
    )
