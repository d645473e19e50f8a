"""Interface of a preprocessing operation, and its output."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy.typing as npt


@dataclass(frozen=True, slots=True, eq=False)
class StepOutput:
    """What a step makes of a batch.

    Attributes:
        arrays: one for each of the step's outputs, [batch, …].
        counts: of a step that makes sequences: how many tokens each instance has; one more than are
            kept if these are not all.
    """

    arrays: tuple[npt.NDArray[Any], ...]
    counts: Sequence[int] = ()


class Operation(Protocol):
    """What one step does, ready to run."""

    def run(self, values: Sequence[npt.NDArray[Any]]) -> StepOutput:
        """Computes a batch.

        Args:
            values: one array for each of the step's inputs, [batch, …]; strings as objects.

        Raises:
            RefusedValue: a value cannot be taken.
        """
