"""The server in front of the function: uvicorn, as functions-framework starts it, set on purpose.

docs/6-serving-performance.md says why each option is what it is.
"""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn_worker import UvicornWorker

_PIECE_BYTES = 2**19
_PIECE_SECONDS = 0.05
_CONTINUE = b"HTTP/1.1 100"
_END_OF_HEAD = b"\r\n\r\n"


def set_up() -> None:
    """Sets the options of the workers that functions-framework will start in this process."""
    UvicornWorker.CONFIG_KWARGS = {**UvicornWorker.CONFIG_KWARGS, **_OPTIONS}


class OneWrite:
    """A transport that sends the head of a response together with its body.

    uvicorn writes the two one after the other. The second system call costs more than a small
    model's whole prediction, and wakes the client twice.
    """

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._head = b""

    def write(self, data: bytes) -> None:
        """Sends data; the head of a response is kept until more comes, or `flush`."""
        if self._head:
            data, self._head = self._head + data, b""
        elif data.endswith(_END_OF_HEAD) and not data.startswith(_CONTINUE):
            self._head = data
            return
        self._transport.write(data)

    def flush(self) -> None:
        """Sends what is kept: a response to HEAD has no body."""
        if self._head:
            self.write(b"")

    def close(self) -> None:
        """Sends what is kept, and closes."""
        self.flush()
        self._transport.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


class Protocol(HttpToolsProtocol):
    """uvicorn's HTTP on httptools, with one write for each response, and bodies in large pieces."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Wraps the transport that responses are written to."""
        super().connection_made(transport)
        self.transport: Any = OneWrite(transport)
        self._told_at = 0.0
        self._will_tell = False

    def on_body(self, body: bytes) -> None:
        """Tells of a body's next piece when it is large, or when the last one is a while ago.

        uvicorn tells of every 64 KiB, which for an image takes longer than its prediction's own
        work around the model.
        """
        cycle = self.cycle
        if cycle.response_complete:
            return
        cycle.body += body
        if len(cycle.body) >= _PIECE_BYTES:
            self.flow.pause_reading()
            self._tell()
        elif self.loop.time() - self._told_at > _PIECE_SECONDS:
            self._tell()
        elif not self._will_tell:
            self._will_tell = True
            self.loop.call_later(_PIECE_SECONDS, self._tell_rest)

    def _tell(self) -> None:
        self._told_at = self.loop.time()
        self.cycle.message_event.set()

    def _tell_rest(self) -> None:
        """Tells of what came since the last piece, in case nothing more comes."""
        self._will_tell = False
        if self.cycle.body and not self.cycle.response_complete:
            self._tell()

    def on_response_complete(self) -> None:
        """Sends what is kept."""
        self.transport.flush()
        super().on_response_complete()


_OPTIONS: dict[str, Any] = {
    "http": Protocol,
    "loop": "auto",  # uvloop
    "interface": "asgi3",
    "lifespan": "off",
    "ws": "none",
    "access_log": False,
    "proxy_headers": False,
    "server_header": False,
    # Front ends keep connections for ten minutes: to close them before means errors there.
    "timeout_keep_alive": 620,
    # The platform kills ten seconds after SIGTERM.
    "timeout_graceful_shutdown": 8,
}
