"""The values of one input as a client sent them, and how to name their places in complaints."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy.typing as npt


@dataclass(frozen=True, slots=True)
class RawInput:
    """One input of a whole batch as JSON's own values, not yet checked.

    Attributes:
        values: one item per instance, as JSON gave it.
        place: of an instance in the request, with ``{}`` for its index: ``instances[{}].pixels``.
        may_hold_others: whether anything but numbers and null may be among the values: a string,
            true or false. When it is False, numpy can convert the values without a look at each.
    """

    values: list[object]
    place: str
    may_hold_others: bool

    def at(self, index: int) -> str:
        """The place of one instance, such as ``instances[3].pixels``."""
        return self.place.format(index)


@dataclass(slots=True, eq=False)
class Numbers:
    """One input of a whole batch as numbers of the right shape, whose range is not yet checked.

    Attributes:
        values: [batch, …]; of any size of float, integer or bool.
        place: see `RawInput`.
    """

    values: npt.NDArray[Any]
    place: str

    def at(self, index: int) -> str:
        """The place of one instance, such as ``instances[3].pixels``."""
        return self.place.format(index)
