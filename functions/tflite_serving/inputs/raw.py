"""Unvalidated values of one input, and their places in the request for error messages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy.typing as npt


@dataclass(frozen=True, slots=True)
class RawInput:
    """Values of one input of a whole batch, as parsed from JSON, unvalidated.

    Attributes:
        values: Values as parsed from JSON, one item per instance.
        place: Place of an instance in the request, with ``{}`` for its index:
            ``instances[{}].pixels``; and with ``{column}`` where there are columns.
        may_hold_others: Whether the values may contain anything but numbers and null: strings, true
            or false. If not, numpy can convert the values without a check of each.
        columns: Names of the values of an instance, if they were sent by name.
    """

    values: list[object]
    place: str
    may_hold_others: bool
    columns: tuple[str, ...] = ()

    def at(self, index: int, *inner: int) -> str:
        """Place of an instance or of a value in it, such as ``instances[3].pixels[0]``."""
        return _at(self.place, index, inner, self.columns)


@dataclass(slots=True, eq=False)
class Numbers:
    """Values of one input of a whole batch, as numbers of the right shape, unchecked range.

    Attributes:
        values: Numbers, [batch, …], of any float, integer or bool dtype.
        place, columns: See `RawInput`.
    """

    values: npt.NDArray[Any]
    place: str
    columns: tuple[str, ...] = ()

    def at(self, index: int, *inner: int) -> str:
        """Place of an instance or of a value in it, such as ``instances[3].pixels[0]``."""
        return _at(self.place, index, inner, self.columns)


def _at(place: str, index: int, inner: tuple[int, ...], columns: tuple[str, ...]) -> str:
    if columns and inner:
        place, inner = place.format(index, column=columns[inner[0]]), inner[1:]
    else:
        place = place.replace(".{column}", "").format(index)
    return place + "".join(f"[{index}]" for index in inner)
