"""Download deadlines: a response that trickles in too slowly is aborted."""

from __future__ import annotations

import http.client
import io
import socket
import time
from collections.abc import Callable
from typing import Any

PIECE_SECONDS = 10.0
"""From a request to the end of the first mebibyte of its answer, and of each further one."""


class TooSlowError(OSError):
    """A response that arrives too slowly; the message has the bytes received and the time."""


class Deadline:
    """Deadline for the next piece of one response.

    Args:
        silence_seconds: Longest time between any two bytes.
        piece_seconds: Longest time from the request to the end of the first piece of the response,
            and for each further piece. A response of one piece must be complete within that time.
        clock: Monotonic clock, in seconds.
    """

    def __init__(
        self,
        silence_seconds: float,
        piece_seconds: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._silence_seconds = silence_seconds
        self._piece_seconds = piece_seconds
        self._clock = clock
        self._arrived = 0
        self._end = clock() + piece_seconds

    def wait_seconds(self) -> float:
        """Timeout for the next byte.

        Raises:
            TooSlowError: The deadline has passed.
        """
        left = self._end - self._clock()
        if left <= 0:
            raise TooSlowError(f"too slow: {self._arrived} bytes within {self._piece_seconds:g} s")
        return min(left, self._silence_seconds)

    def count(self, arrived: int) -> None:
        """Counts received bytes of the current piece."""
        self._arrived += arrived

    def extend(self) -> None:
        """Starts the deadline of the next piece, once a piece is complete."""
        self._arrived = 0
        self._end = self._clock() + self._piece_seconds


class TimedResponse(http.client.HTTPResponse):
    """A response whose status line, headers and body must arrive by a deadline.

    `http.client` has a timeout for each read alone, so that a single byte now and then would keep
    it reading for ever.

    Args:
        deadline: Deadline of the response.
        connection: Socket from which the response is read.
    """

    def __init__(self, deadline: Deadline, connection: socket.socket, **options: Any) -> None:
        super().__init__(connection, **options)
        assert isinstance(self.fp, io.BufferedReader)
        self.fp = io.BufferedReader(_TimedReader(self.fp.detach(), connection, deadline))


class _TimedReader(io.RawIOBase):
    """The bytes of a connection, each wait for which ends at a deadline."""

    def __init__(self, bytes_: io.RawIOBase, connection: socket.socket, deadline: Deadline) -> None:
        self._bytes = bytes_
        self._connection = connection
        self._deadline = deadline

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        self._connection.settimeout(self._deadline.wait_seconds())
        try:
            count = self._bytes.readinto(buffer)
        except TimeoutError:
            self._deadline.wait_seconds()  # which says so, if it was the deadline and no silence
            raise
        self._deadline.count(count or 0)
        return count

    def close(self) -> None:
        self._bytes.close()
        super().close()
