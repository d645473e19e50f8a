"""GET over HTTP/1.1, on connections that are kept for the next request.

The standard library's client: functions-framework has imported it already, and any other would
make the cold start longer; see "Decisions" in docs/1-architecture.md.
"""

from __future__ import annotations

import http.client
import ssl
import time
import weakref
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from email.message import Message
from functools import cached_property
from urllib.parse import urlsplit

from tflite_serving.artifacts.retrying import Passing

# Beyond it the other end, or something on the way, may have forgotten the connection: between
# two looks at an alias the platform lets the process sleep.
_KEPT_SECONDS = 10.0
_PIECE_BYTES = 2**20


class Answer:
    """A status and headers, and a body that is still to be read.

    Attributes:
        status: of HTTP.
        headers: by name, in any case.
    """

    def __init__(self, response: http.client.HTTPResponse) -> None:
        self._response = response
        self.status: int = response.status
        self.headers: Message = response.headers

    def pieces(self) -> Iterator[bytes]:
        """The body as it comes.

        Raises:
            Passing: it broke off, or went silent.
        """
        expected = self._response.length
        arrived = 0
        while True:
            with _passing():
                piece = self._response.read(_PIECE_BYTES)
            if not piece:
                break
            arrived += len(piece)
            yield piece
        if expected is not None and arrived < expected:
            raise Passing(f"{arrived} of {expected} bytes arrived")

    def read(self) -> bytes:
        """The body, whole; see `pieces`."""
        return b"".join(self.pieces())


class HttpServer:
    """A server that is asked for things, by several threads if need be. Follows no redirect.

    Args:
        url: ``https://host[:port]`` or ``http://…``, the latter also without its scheme.
        silence_seconds: how long to wait for a connection, and for each piece of an answer.

    Raises:
        ValueError: it is no such URL.
    """

    def __init__(self, url: str, silence_seconds: float) -> None:
        parts = urlsplit(url if "://" in url else f"http://{url}")
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"expected http://host[:port], got {url!r}")
        self._is_secure = parts.scheme == "https"
        self._host = parts.hostname
        self._port = parts.port
        self._silence_seconds = silence_seconds
        self._kept: list[tuple[float, http.client.HTTPConnection]] = []
        weakref.finalize(self, _close, self._kept)

    @contextmanager
    def get(self, target: str, headers: Mapping[str, str]) -> Iterator[Answer]:
        """Asks once. The body is read within the block; what is left of it then is lost.

        Args:
            target: path and query, percent-encoded.
            headers: of the request.

        Raises:
            Passing: the server was not reached, went away, or went silent.
        """
        connection = self._take()
        try:
            with _passing():
                connection.request("GET", target, headers=dict(headers))
                response = connection.getresponse()
            yield Answer(response)
        except BaseException:
            connection.close()
            raise
        if response.isclosed():  # it was read to its end, and the next answer may follow
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
    except (OSError, http.client.HTTPException) as error:
        raise Passing(type(error).__name__) from error


def _close(kept: list[tuple[float, http.client.HTTPConnection]]) -> None:
    for _, connection in kept:
        connection.close()
