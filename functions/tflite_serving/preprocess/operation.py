"""Interface of a preprocessing operation, and its output."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy.typing as npt


@dataclass(frozen=True, slots=True, eq=False)
class StepOutput:
    """Outputs of a preprocessing step for a batch.

    Attributes:
        arrays: One array for each of the step's outputs, [batch, …].
        counts: Number of tokens of each instance, for a step that tokenizes; one more than are kept
            if the text was cut.
    """

    arrays: tuple[npt.NDArray[Any], ...]
    counts: Sequence[int] = ()


class Operation(Protocol):
    """Executable operation of a preprocessing step."""

    def run(self, values: Sequence[npt.NDArray[Any]]) -> StepOutput:
        """Computes a batch.

        Args:
            values: One array for each of the step's inputs, [batch, …]; strings as objects.

        Raises:
            RefusedValue: A value is invalid for the step.
        """
