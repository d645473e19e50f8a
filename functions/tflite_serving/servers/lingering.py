"""Lingering close: the last response of a connection arrives, whatever its client still sends.

A socket that is closed while there is something to read resets the connection, and the reset
overtakes or erases a response that its client has not read yet. So the end of a connection is a
half-close: the response, then the end of the stream, and then what the client still sends is read
and discarded, until it hangs up too. All of it is bounded.

Source: RFC 9112, section 9.6; nginx's lingering_close has the same seconds.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

PAUSE_SECONDS = 0.2
"""Longest pause of a body that is discarded before the response."""
IDLE_SECONDS = 5.0
"""Longest pause of a client that still sends."""
MOST_SECONDS = 30.0
"""From the last response to the end of the connection."""
STOPPING_SECONDS = 1.0
"""The same while the process ends."""
MOST_BYTES = 2**26
"""Most that is discarded: twice as much as the platform lets a request have."""
MOST_CONNECTIONS = 256
"""Most that linger at a time; the one that has for the longest is closed first."""
WITHHOLD_CONTINUE = "tflite_serving.withhold_continue"
"""An extension of the scope; its "call" has `receive` no longer tell the client to go on."""

_lingering: dict[_Discarding, None] = {}  # in the order of their last responses


class LingeringTransport(asyncio.Transport):
    """A connection whose `close` lingers.

    What a protocol calls for each request is the transport's own method, without a detour.

    Args:
        transport: of the connection.
        protocol: is told when the connection is lost, and of nothing else after `close`.
    """

    def __init__(self, transport: asyncio.Transport, protocol: asyncio.Protocol) -> None:
        super().__init__()
        self._transport = transport
        self._protocol = protocol
        self._discarding: _Discarding | None = None
        self._most_seconds = MOST_SECONDS
        self.write = transport.write  # type: ignore[method-assign]
        self.is_closing = transport.is_closing  # type: ignore[method-assign]
        self.pause_reading = transport.pause_reading  # type: ignore[method-assign]
        self.resume_reading = transport.resume_reading  # type: ignore[method-assign]
        self.get_extra_info = transport.get_extra_info  # type: ignore[method-assign]

    def close(self) -> None:
        """Ends the stream after what was written, and discards what still comes."""
        if self.is_closing():
            return
        self._discarding = _Discarding(
            self._transport, self._protocol.connection_lost, self._most_seconds
        )
        self.is_closing = lambda: True  # type: ignore[method-assign]
        self.write = _ignore  # type: ignore[method-assign, assignment]
        self.pause_reading = self.resume_reading = _ignore  # type: ignore[method-assign]

    def end(self) -> None:
        """Closes at once what does not linger: a connection on which nothing was to be said."""
        if self._discarding is None:
            self._transport.close()

    def hurry(self) -> None:
        """Lingers, now or later, for no longer than a process that ends can."""
        self._most_seconds = STOPPING_SECONDS
        if self._discarding is not None:
            self._discarding.hurry(STOPPING_SECONDS)


class _Discarding(asyncio.Protocol):
    """Reads what comes after the last response, and closes the connection in the end."""

    def __init__(
        self, transport: asyncio.Transport, lost: Callable[[Any], None], most_seconds: float
    ) -> None:
        self._transport = transport
        self._lost = lost
        self._size = 0
        self._loop = asyncio.get_running_loop()
        self._heard_at = self._loop.time()
        self._end = self._heard_at + most_seconds
        _lingering[self] = None
        if len(_lingering) > MOST_CONNECTIONS:
            next(iter(_lingering)).close()
        transport.set_protocol(self)
        transport.resume_reading()
        if transport.can_write_eof():
            transport.write_eof()
        self._timer = self._loop.call_later(min(IDLE_SECONDS, most_seconds), self._look)

    def hurry(self, most_seconds: float) -> None:
        """Waits for so long at most."""
        self._end = min(self._end, self._loop.time() + most_seconds)
        self._timer.cancel()
        self._look()

    def close(self) -> None:
        """Closes the connection, with whatever was not sent."""
        _lingering.pop(self, None)
        self._timer.cancel()
        self._transport.abort()

    def data_received(self, data: bytes) -> None:
        """Discards it."""
        self._size += len(data)
        self._heard_at = self._loop.time()
        if self._size > MOST_BYTES:
            self.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """Tells the protocol, as if it had been told itself."""
        _lingering.pop(self, None)
        self._timer.cancel()
        self._lost(exc)

    def _look(self) -> None:
        """Closes if it is time, and else looks again when it may be."""
        now = self._loop.time()
        end = min(self._end, self._heard_at + IDLE_SECONDS)
        if now >= end:
            self.close()
        else:
            self._timer = self._loop.call_later(end - now, self._look)


def _ignore(*_: Any) -> None:
    """What is called of a connection that ends."""
