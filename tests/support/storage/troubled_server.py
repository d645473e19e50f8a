"""A real HTTP server on 127.0.0.1 that answers as storage does on a bad day."""

from __future__ import annotations

import contextlib
import itertools
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

Answer = Callable[["Handler"], None]
_GIVE_UP_SECONDS = 30.0


class TroubledServer(ThreadingHTTPServer):
    """Gives its answers in turn; the last one for ever.

    Args:
        answers: at least one.

    Attributes:
        requests: method and path of each request, as they came.
        connections: how many were made.
        sent: bytes of answers that have no end.
        reached: set by answers that wait.
        released: what they wait for; set at the end.
    """

    daemon_threads = True

    def __init__(self, answers: tuple[Answer, ...]) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self._answers = list(answers)
        self._lock = threading.Lock()
        self.requests: list[str] = []
        self.connections = 0
        self.sent = 0
        self.reached = threading.Event()
        self.released = threading.Event()

    @property
    def url(self) -> str:
        """What STORAGE_EMULATOR_HOST must say."""
        return f"http://127.0.0.1:{self.server_port}"

    def next_answer(self, request: str) -> Answer:
        """The answer to one request, which is noted."""
        with self._lock:
            self.requests.append(request)
            return self._answers[0] if len(self._answers) == 1 else self._answers.pop(0)

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that went away is what the tests are about."""


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    troubled: TroubledServer

    def setup(self) -> None:
        """Knows which server it belongs to."""
        super().setup()
        assert isinstance(self.server, TroubledServer)
        self.troubled = self.server
        self.troubled.connections += 1

    def do_GET(self) -> None:
        """Answers in turn."""
        self.troubled.next_answer(f"{self.command} {self.path}")(self)

    do_POST = do_PUT = do_GET  # noqa: N815  # http.server's names

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Says nothing."""

    def body(self) -> bytes:
        """What the client sent."""
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))


@contextlib.contextmanager
def troubled_server(*answers: Answer) -> Iterator[TroubledServer]:
    """Runs a server beside the test."""
    with TroubledServer(answers) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server
        finally:
            server.released.set()
            server.shutdown()
            thread.join()


def status(code: int, body: bytes = b"", headers: Mapping[str, str] | None = None) -> Answer:
    """A whole answer."""

    def answer(handler: Handler) -> None:
        handler.body()
        handler.send_response(code)
        for name, value in {"X-Goog-Generation": "1", **(headers or {})}.items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    return answer


def wants(headers: Mapping[str, str | None], then: Answer, otherwise: Answer) -> Answer:
    """One answer for requests with these headers (None: without it), and another for the rest."""

    def answer(handler: Handler) -> None:
        given = {name: handler.headers.get(name) for name in headers}
        (then if given == headers else otherwise)(handler)

    return answer


def silence(handler: Handler) -> None:
    """No answer, as long as the test runs."""
    handler.close_connection = True
    handler.troubled.reached.set()
    handler.troubled.released.wait(_GIVE_UP_SECONDS)


def stops_after(body: bytes, missing: int) -> Answer:
    """An answer that promises more than it sends, and then hangs up."""

    def answer(handler: Handler) -> None:
        handler.close_connection = True
        handler.send_response(200)
        handler.send_header("X-Goog-Generation", "1")
        handler.send_header("Content-Length", str(len(body) + missing))
        handler.end_headers()
        handler.wfile.write(body)

    return answer


def whole_or_rest(body: bytes) -> Answer:
    """The body, or the part of it that the client asks for."""

    def answer(handler: Handler) -> None:
        wanted = handler.headers.get("Range", "")
        if not wanted:
            return status(200, body)(handler)
        start = int(wanted.removeprefix("bytes=").rstrip("-"))
        where = f"bytes {start}-{len(body) - 1}/{len(body)}"
        return status(206, body[start:], {"Content-Range": where})(handler)

    return answer


def forward(upstream: str) -> Answer:
    """What another server answers."""

    def answer(handler: Handler) -> None:
        handler.close_connection = True
        handler.wfile.write(_ask(upstream, handler, handler.body()))

    return answer


def forward_and_lose_the_answer(upstream: str) -> Answer:
    """The other server does what it is asked, and the client never hears of it."""

    def answer(handler: Handler) -> None:
        handler.close_connection = True
        _ask(upstream, handler, handler.body())

    return answer


def forward_half_and_wait(upstream: str) -> Answer:
    """Half of the request reaches the other server; the rest does not, as long as the test runs."""

    def answer(handler: Handler) -> None:
        handler.close_connection = True
        with _connected(upstream) as connection:
            body = handler.body()
            connection.sendall(_head(handler) + body[: len(body) // 2])
            handler.troubled.reached.set()
            handler.troubled.released.wait(_GIVE_UP_SECONDS)

    return answer


def _ask(upstream: str, handler: Handler, body: bytes) -> bytes:
    with _connected(upstream) as connection:
        connection.sendall(_head(handler) + body)
        return b"".join(iter(lambda: connection.recv(65536), b""))


def _head(handler: Handler) -> bytes:
    """The request's head, asking for the connection to be closed after the answer."""
    headers = [f"{name}: {value}" for name, value in handler.headers.items()]
    kept = [line for line in headers if not line.lower().startswith("connection:")]
    lines = [handler.requestline, *kept, "Connection: close", "", ""]
    return "\r\n".join(lines).encode("latin-1")


def _connected(upstream: str) -> socket.socket:
    parts = urlsplit(upstream)
    assert parts.hostname is not None
    assert parts.port is not None
    return socket.create_connection((parts.hostname, parts.port), timeout=_GIVE_UP_SECONDS)


def trickle(start: bytes, rest: bytes, every_seconds: float) -> Answer:
    """Bytes at once, such as a head, and then one after the other, with a while between them.

    Args:
        start: of the answer, as it goes over the wire.
        rest: of it; over and over again, as long as the client stays.
        every_seconds: between two bytes.
    """

    def answer(handler: Handler) -> None:
        handler.close_connection = True
        handler.wfile.write(start)
        handler.troubled.reached.set()
        for number in itertools.cycle(rest):
            if handler.troubled.released.wait(every_seconds):
                return
            handler.wfile.write(bytes([number]))

    return answer


def endless(head: bytes, piece: bytes = bytes(2**16)) -> Answer:
    """A head, and bytes behind it as long as the client stays; how many, the server counts."""

    def answer(handler: Handler) -> None:
        handler.close_connection = True
        handler.wfile.write(head)
        while not handler.troubled.released.is_set():
            handler.troubled.sent += handler.wfile.write(piece)

    return answer


def registry(root: Path) -> Answer:
    """What a bucket answers that holds the files of a folder."""

    def answer(handler: Handler) -> None:
        name = unquote(urlsplit(handler.path).path.rpartition("/o/")[2])
        file = root / name
        (status(200, file.read_bytes()) if file.is_file() else status(404))(handler)

    return answer
