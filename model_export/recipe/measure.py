"""``[measure]``: how candidates are timed."""

from __future__ import annotations

from dataclasses import dataclass

from model_export.recipe.checks import check


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasureSection:
    """``[measure]``: how candidates are timed.

    Attributes:
        batch: instances in the larger of the two batches that are timed; the other is one.
        threads: of the interpreter, as the function's INTERPRETER_THREADS will be.
        rounds: in each, every candidate has its turn.
        starts: fresh processes that load each candidate; the median counts.
    """

    batch: int = 8
    threads: int = 1
    rounds: int = 20
    starts: int = 3

    def __post_init__(self) -> None:
        for name in ("batch", "threads", "rounds", "starts"):
            check(name, getattr(self, name), "1 or more", getattr(self, name) >= 1)
