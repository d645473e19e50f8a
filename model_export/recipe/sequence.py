"""``[sequence]``: lengths to which token sequences are padded."""

from __future__ import annotations

from dataclasses import dataclass

from model_export.recipe.checks import check

_FEWEST_TOKENS = 3  # a start, a token and an end


@dataclass(frozen=True, slots=True, kw_only=True)
class SequenceSection:
    """``[sequence]``: lengths that sequences of tokens are filled up to.

    Attributes:
        buckets: the lengths, rising; None finds those with the least padding in the training split.
            The preprocessor's own sequence_length is always one.
        max_buckets: how many to find.
    """

    buckets: tuple[int, ...] | None = None
    max_buckets: int = 4

    def __post_init__(self) -> None:
        if self.buckets is not None:
            sizes = list(self.buckets)
            rising = sizes == sorted(set(sizes)) and all(size >= _FEWEST_TOKENS for size in sizes)
            check("buckets", sizes, "lengths from 3 on, rising", rising)
        check("max_buckets", self.max_buckets, "1 or more", self.max_buckets >= 1)
