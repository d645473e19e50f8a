"""Display of the test examples whose prediction changed."""

from __future__ import annotations

from collections.abc import Sequence

from model_export.report.document.output import ChangedExample

_SHORT = 4
"""Characters of an answer that fits beside its score on a narrow card."""


def outcome(example: ChangedExample) -> str:
    """What the change came to, for a classifier."""
    if example.published == example.truth:
        return "now right"
    return "now wrong" if example.reference == example.truth else "wrong both times"


def is_small(picture: str) -> bool:
    """Whether a picture is one of those few pixels that are kept apart when it is enlarged."""
    return picture.startswith("data:image/png")


def is_wordy(examples: Sequence[ChangedExample]) -> bool:
    """Whether their cards need to be wide: for long answers, or for inputs in words."""
    return any(
        each.values or max(map(len, (each.truth, each.reference, each.published))) > _SHORT
        for each in examples
    )
