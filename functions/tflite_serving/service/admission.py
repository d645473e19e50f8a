"""Admission control: bounds the requests in flight and the memory for their bodies."""

from __future__ import annotations

import threading

from tflite_serving.errors import Overloaded


class Admission:
    """Bounds what is in work, and what is held in memory for it. Safe to use from threads.

    A body that is still arriving takes no place: a client that dribbles it holds nothing but the
    bytes that it has sent.

    Args:
        max_in_flight: most predictions that are computed or wait for their turn.
        max_held_bytes: most bytes of all bodies together.
    """

    def __init__(self, max_in_flight: int, max_held_bytes: int) -> None:
        self._max_in_flight = max_in_flight
        self._max_held_bytes = max_held_bytes
        self._lock = threading.Lock()
        self._in_flight = 0
        self._held_bytes = 0

    @property
    def is_full(self) -> bool:
        """Whether another prediction would be refused now."""
        return self._in_flight >= self._max_in_flight

    def enter(self, size: int) -> None:
        """Takes a place, and counts bytes of a body as `hold` does; `leave` gives them back.

        Raises:
            Overloaded: there is no place, or no room.
        """
        with self._lock:
            if self._in_flight >= self._max_in_flight:
                raise self.refusal()
            self._check_room(size)
            self._in_flight += 1
            self._held_bytes += size

    def hold(self, size: int) -> None:
        """Counts bytes of a body.

        Raises:
            Overloaded: with them it would be too many.
        """
        with self._lock:
            self._check_room(size)
            self._held_bytes += size

    def leave(self, size: int, *, in_flight: bool) -> None:
        """Counts bytes off, and gives a place back if there was one."""
        with self._lock:
            self._in_flight -= in_flight
            self._held_bytes -= size

    def _check_room(self, size: int) -> None:
        if self._held_bytes + size > self._max_held_bytes:
            raise Overloaded(
                "overloaded",
                f"all bodies together exceed {self._max_held_bytes} bytes; try again",
                retry_after_seconds=1,
            )

    def refusal(self) -> Overloaded:
        """What to tell when there is no place."""
        return Overloaded(
            "overloaded",
            f"{self._max_in_flight} requests are in work already; try again",
            retry_after_seconds=1,
        )
