"""HTTP byte by byte: requests that no library would send, and when exactly their answers come."""

from __future__ import annotations

import fcntl
import json
import select
import socket
import struct
import sys
import termios
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

_PATIENCE = 30.0


@dataclass(frozen=True, slots=True)
class Answer:
    """One response; names of headers in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def closes(self) -> bool:
        """Whether it says that the connection ends after it."""
        return self.headers.get("connection") == "close"

    def json(self) -> Any:
        """The body."""
        return json.loads(self.body)


class RawConnection:
    """A connection on which a test sends what it likes."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        assert parts.hostname is not None
        assert parts.port is not None
        self._socket = socket.create_connection((parts.hostname, parts.port), timeout=_PATIENCE)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._buffer = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        where: TracebackType | None,
    ) -> None:
        self.close()

    def fileno(self) -> int:
        """So that `select` can wait for several."""
        return self._socket.fileno()

    def send(self, data: bytes) -> Self:
        """Sends bytes; a server that has closed the connection already is no error."""
        with suppress(ConnectionError):  # what it said before is still there to read
            self._socket.sendall(data)
        return self

    def send_some(self, data: bytes) -> int:
        """Sends what is taken without waiting; how many bytes, 0 if the server has closed."""
        try:
            return self._socket.send(data, socket.MSG_DONTWAIT)
        except ConnectionError:
            return 0

    def answer(self, *, has_body: bool = True) -> Answer:
        """Waits for the next response, an interim one too.

        Args:
            has_body: False after HEAD.

        Raises:
            EOFError: the connection ended instead.
        """
        while b"\r\n\r\n" not in self._buffer:
            self._receive()
        head, _, self._buffer = self._buffer.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        pairs = (line.partition(":")[::2] for line in lines)
        headers = {name.strip().lower(): value.strip() for name, value in pairs}
        length = int(headers.get("content-length", 0)) if has_body else 0
        while len(self._buffer) < length:
            self._receive()
        body, self._buffer = self._buffer[:length], self._buffer[length:]
        return Answer(int(first.split(" ")[1]), headers, body)

    def is_silent(self) -> bool:
        """Whether nothing has come that was not read."""
        return not self._buffer and not select.select([self._socket], [], [], 0)[0]

    def ends(self) -> bool:
        """Waits until the server closes the connection; False if it says something more."""
        try:
            return not self._buffer and self._socket.recv(1) == b""
        except ConnectionError:
            return True

    def wait_until_stuck(self) -> None:
        """Waits until what was sent is no longer taken, or what comes is no longer sent.

        Nothing is read: what has come stays where it is.
        """
        before = -1
        while (waiting := self._bytes_waiting()) != before or waiting == 0:
            before = waiting
            time.sleep(0.1)  # the other side has no event for "I am stuck"

    def end_sending(self) -> None:
        """Says that nothing more will be sent, and goes on to listen."""
        self._socket.shutdown(socket.SHUT_WR)

    def reset(self) -> None:
        """Breaks the connection off."""
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._socket.close()

    def close(self) -> None:
        """Ends it in good order."""
        self._socket.close()

    def _bytes_waiting(self) -> int:
        told = fcntl.ioctl(self._socket, termios.FIONREAD, bytes(4))
        return int.from_bytes(told, sys.byteorder)

    def _receive(self) -> None:
        try:
            data = self._socket.recv(65536)
        except ConnectionError:
            data = b""
        if not data:
            raise EOFError(f"the connection ended after {self._buffer[:100]!r}")
        self._buffer += data


def head(line: str, *headers: str) -> bytes:
    """The head of a request: its first line without the protocol, and headers."""
    return "\r\n".join([f"{line} HTTP/1.1", "Host: test", *headers, "", ""]).encode("latin-1")


def post(body: bytes, *headers: str, path: str = "/predict", length: int | None = None) -> bytes:
    """A POST request with JSON, whose announced length may be another one."""
    announced = f"Content-Length: {len(body) if length is None else length}"
    return head(f"POST {path}", "Content-Type: application/json", announced, *headers) + body


def chunked(*pieces: bytes, path: str = "/predict", last: bytes = b"0\r\n\r\n") -> bytes:
    """A POST request with JSON in chunks."""
    begin = head(f"POST {path}", "Content-Type: application/json", "Transfer-Encoding: chunked")
    return begin + b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + last
