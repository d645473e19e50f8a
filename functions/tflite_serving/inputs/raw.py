"""Unvalidated values of one input, and their places in the request for error messages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy.typing as npt


@dataclass(frozen=True, slots=True)
class RawInput:
    """One input of a whole batch as JSON's own values, not yet checked.

    Attributes:
        values: one item per instance, as JSON gave it.
        place: of an instance in the request, with ``{}`` for its index: ``instances[{}].pixels``;
            and with ``{column}`` where there are columns.
        may_hold_others: whether anything but numbers and null may be among the values: a string,
            true or false. When it is False, numpy can convert the values without a look at each.
        columns: names of the values of an instance, if they came by name.
    """

    values: list[object]
    place: str
    may_hold_others: bool
    columns: tuple[str, ...] = ()

    def at(self, index: int, *inner: int) -> str:
        """The place of an instance or of a value in it, such as ``instances[3].pixels[0]``."""
        return _at(self.place, index, inner, self.columns)


@dataclass(slots=True, eq=False)
class Numbers:
    """One input of a whole batch as numbers of the right shape, whose range is not yet checked.

    Attributes:
        values: [batch, …]; of any size of float, integer or bool.
        place, columns: see `RawInput`.
    """

    values: npt.NDArray[Any]
    place: str
    columns: tuple[str, ...] = ()

    def at(self, index: int, *inner: int) -> str:
        """The place of an instance or of a value in it, such as ``instances[3].pixels[0]``."""
        return _at(self.place, index, inner, self.columns)


def _at(place: str, index: int, inner: tuple[int, ...], columns: tuple[str, ...]) -> str:
    if columns and inner:
        place, inner = place.format(index, column=columns[inner[0]]), inner[1:]
    else:
        place = place.replace(".{column}", "").format(index)
    return place + "".join(f"[{index}]" for index in inner)
