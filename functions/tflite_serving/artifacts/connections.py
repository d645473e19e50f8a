"""HTTP/1.1 client for GET requests, with persistent connections.

The standard library's client: functions-framework has imported it already, and any other would
make the cold start longer; see "Decisions" in docs/1-architecture.md.
"""

from __future__ import annotations

import http.client
import ssl
import time
import weakref
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from email.message import Message
from functools import cached_property, partial
from urllib.parse import urlsplit

from tflite_serving.artifacts.deadline import (
    PIECE_SECONDS,
    Deadline,
    TimedResponse,
    TooSlowError,
)
from tflite_serving.artifacts.retrying import TransientError

# Beyond it the other end, or something on the way, may have forgotten the connection: between
# two looks at an alias the platform lets the process sleep.
_KEPT_SECONDS = 10.0
_PIECE_BYTES = 2**20
_MOST_SMALL_BYTES = 2**20  # of an error's body, or a token


class TooManyBytesError(Exception):
    """A response is longer than allowed.

    Attributes:
        announced: Value of Content-Length in bytes; None if the response has none.
    """

    def __init__(self, announced: int | None) -> None:
        super().__init__(announced)
        self.announced = announced


class Answer:
    """A response: status and headers, and a body that is yet to be read.

    Attributes:
        status: HTTP status code.
        headers: Headers by name, case-insensitive.
    """

    def __init__(self, response: http.client.HTTPResponse, deadline: Deadline) -> None:
        self._response = response
        self._deadline = deadline
        self.status: int = response.status
        self.headers: Message = response.headers

    @property
    def length(self) -> int | None:
        """Remaining bytes of the body; None if unknown."""
        return self._response.length

    def pieces(self, most_bytes: int = _MOST_SMALL_BYTES) -> Iterator[bytes]:
        """Chunks of the body, as they arrive.

        Args:
            most_bytes: Largest size of the body in bytes.

        Raises:
            TransientError: The body was cut off, timed out, or arrived too slowly.
            TooManyBytesError: The body is longer; reading stops as soon as that is known.
        """
        expected = self.length
        if expected is not None and expected > most_bytes:
            raise TooManyBytesError(expected)
        arrived = 0
        while True:
            with _passing():
                piece = self._response.read(min(_PIECE_BYTES, most_bytes + 1 - arrived))
            if not piece:
                break
            arrived += len(piece)
            if arrived > most_bytes:
                raise TooManyBytesError(None)
            yield piece
            self._deadline.extend()
        if expected is not None and arrived < expected:
            raise TransientError(f"{arrived} of {expected} bytes arrived")

    def read(self, most_bytes: int = _MOST_SMALL_BYTES) -> bytes:
        """The body, whole; see `pieces`."""
        return b"".join(self.pieces(most_bytes))

    def beginning(self) -> bytes:
        """The first bytes of an error's body, as many as tell what is wrong."""
        with _passing():
            return self._response.read(_MOST_SMALL_BYTES)


class HttpServer:
    """HTTP client for one server, for several threads; follows no redirects.

    Args:
        url: Base URL, ``https://host[:port]`` or ``http://…``, the latter also without its scheme.
        silence_seconds: Timeout for a connection, and for any byte of a response.
        piece_seconds: Time limit for each mebibyte of a response.

    Raises:
        ValueError: The URL is invalid.
    """

    def __init__(
        self, url: str, silence_seconds: float, piece_seconds: float = PIECE_SECONDS
    ) -> None:
        parts = urlsplit(url if "://" in url else f"http://{url}")
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"expected http://host[:port], got {url!r}")
        self._is_secure = parts.scheme == "https"
        self._host = parts.hostname
        self._port = parts.port
        self._silence_seconds = silence_seconds
        self._piece_seconds = piece_seconds
        self._kept: list[tuple[float, http.client.HTTPConnection]] = []
        weakref.finalize(self, _close, self._kept)

    @contextmanager
    def get(self, target: str, headers: Mapping[str, str]) -> Iterator[Answer]:
        """Sends one request. The body is read within the block; the rest of it is discarded then.

        Args:
            target: Path and query, percent-encoded.
            headers: Headers of the request.

        Raises:
            TransientError: The server was unreachable, closed the connection, timed out, or was too
                slow.
        """
        deadline = Deadline(self._silence_seconds, self._piece_seconds)
        connection = self._take()
        connection.response_class = partial(TimedResponse, deadline)  # type: ignore[assignment]
        try:
            with _passing():
                connection.request("GET", target, headers=dict(headers))
                response = connection.getresponse()
            with closing(response):
                yield Answer(response, deadline)
                is_read = response.isclosed()  # to its end, and the next answer may follow
        except BaseException:
            connection.close()
            raise
        if is_read:
            self._kept.append((time.monotonic(), connection))
        else:
            connection.close()

    def _take(self) -> http.client.HTTPConnection:
        while self._kept:
            try:
                since, connection = self._kept.pop()
            except IndexError:  # another thread was faster
                break
            if time.monotonic() - since < _KEPT_SECONDS:
                if connection.sock is not None:  # else the server closed it, and it opens again
                    connection.sock.settimeout(self._silence_seconds)
                return connection
            connection.close()
        timeout = self._silence_seconds
        if self._is_secure:
            return http.client.HTTPSConnection(
                self._host, self._port, timeout=timeout, context=self._tls
            )
        return http.client.HTTPConnection(self._host, self._port, timeout=timeout)

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        import certifi  # for those who use HTTPS

        return ssl.create_default_context(cafile=certifi.where())


@contextmanager
def _passing() -> Iterator[None]:
    try:
        yield
    except TooSlowError as error:
        raise TransientError(str(error)) from error
    except (OSError, http.client.HTTPException) as error:
        raise TransientError(type(error).__name__) from error


def _close(kept: list[tuple[float, http.client.HTTPConnection]]) -> None:
    for _, connection in kept:
        connection.close()
