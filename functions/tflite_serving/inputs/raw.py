"""The values of one input as a client sent them, and how to name their places in complaints."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RawInput:
    """One input of a whole batch, not yet checked.

    Attributes:
        values: one item per instance, as JSON gave it.
        place: of an instance in the request, with ``{}`` for its index: ``instances[{}].pixels``.
        may_hold_bools: whether true or false occurs anywhere in the request.
    """

    values: list[object]
    place: str
    may_hold_bools: bool

    def at(self, index: int) -> str:
        """The place of one instance, such as ``instances[3].pixels``."""
        return self.place.format(index)
