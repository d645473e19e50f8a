"""The server in front of the function: uvicorn, as functions-framework starts it, set on purpose.

docs/6-serving-performance.md says why each option is what it is.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, ClassVar

import httptools
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol
from uvicorn_worker import UvicornWorker

from tflite_serving.http import Response, request_head

if TYPE_CHECKING:
    from tflite_serving.service import Service

_LARGEST_HEAD = 2**16  # unless it comes in one read
_HEAD_SECONDS = 10.0
_TIMEOUT = b"408 Request Timeout"
_PIECE_BYTES = 2**20
_PIECE_SECONDS = 0.05


def set_up() -> None:
    """Sets the options of the workers that functions-framework will start in this process."""
    UvicornWorker.CONFIG_KWARGS = {**UvicornWorker.CONFIG_KWARGS, **_OPTIONS}


def answer_with(service: Service, shell: Any) -> None:
    """Gives the workers of this process what answers, in place of the application they started.

    Args:
        service: is asked first.
        shell: the ASGI application that gets what the service cannot answer at once.
    """
    Protocol.service, Protocol.shell = service, shell


class Protocol(HttpToolsProtocol):
    """uvicorn's HTTP on httptools, without a detour for requests that can be answered at once.

    A scope, a task, its messages and its events take longer than a small model's whole prediction.
    So a request that comes in one piece, as nearly all do, is kept until it is whole, and then the
    service is asked for the answer there and then. Whatever needs waiting, or is not plain, goes
    uvicorn's way, with large bodies in large pieces.

    Attributes:
        service, shell: see `answer_with`; until then uvicorn's application answers.
    """

    service: ClassVar[Service | None] = None
    shell: ClassVar[Any] = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begins with nothing."""
        super().connection_made(transport)
        # As after a response: a client that says nothing must not stay for ever.
        self.timeout_keep_alive_task = self.loop.call_later(
            self.timeout_keep_alive, self.timeout_keep_alive_handler
        )
        self._is_reading = False
        self._is_kept = False  # the request that is being read
        self._is_in_head = False
        self._head_size = 0  # of one that does not come at once
        self._head_timer: asyncio.TimerHandle | None = None
        self._pieces: list[bytes] = []  # of the body, not told of yet
        self._size = 0  # of them
        self._told_at = 0.0
        self._will_tell = False

    def data_received(self, data: bytes) -> None:
        """Reads what has come."""
        if self.shell is not None:
            self.app = self.shell
        self._is_reading = True
        super().data_received(data)
        self._is_reading = False
        if self._is_in_head:
            self._wait_for_head(len(data))
        elif self._is_kept:
            try:
                self._let_go()
            except (httptools.HttpParserError, ValueError):  # of a URL that is none
                self.send_400_response("Invalid HTTP request received.")
                return
            if self._pieces:
                self._tell()

    @property
    def _is_free(self) -> bool:
        """Whether no request is in work."""
        return self.cycle is None or self.cycle.response_complete

    def on_message_begin(self) -> None:
        """Keeps a request, unless another one is in work, or was answered within this read."""
        self._is_kept = self._is_reading and self._is_free
        self._is_in_head = True
        if self._is_kept:
            self.url, self.headers, self.expect_100_continue = b"", [], False
        else:
            super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Waits for the body of a request that is kept."""
        self._is_in_head = False
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer, self._head_size = None, 0
        if not self._is_kept:
            super().on_headers_complete()

    def on_message_complete(self) -> None:
        """Answers a request that is kept, if that takes no waiting."""
        if self._is_kept:
            if self._answer_at_once():
                return
            self._let_go()
        self._gather()
        super().on_message_complete()

    def _wait_for_head(self, size: int) -> None:
        if not self._is_free:
            return  # the answer in work comes first, and then the time of a connection at rest
        self._head_size += size
        if self._head_size > _LARGEST_HEAD:
            self._refuse(b"431 Request Header Fields Too Large")
        elif self._head_timer is None:
            self._head_timer = self.loop.call_later(_HEAD_SECONDS, self._refuse, _TIMEOUT)

    def _refuse(self, status: bytes) -> None:
        """Hangs up on what is no request yet."""
        if not self.transport.is_closing():
            end = b"Content-Length: 0\r\nConnection: close\r\n\r\n"
            self.transport.write(b"HTTP/1.1 %b\r\n%b" % (status, end))
            self.transport.close()

    def _let_go(self) -> None:
        """Does what was left out: the request that was kept goes uvicorn's way."""
        self._is_kept = False
        url, headers, expects = self.url, self.headers, self.expect_100_continue
        super().on_message_begin()
        self.url, self.expect_100_continue = url, expects
        self.headers.extend(headers)  # which the scope holds, too
        super().on_headers_complete()

    def _answer_at_once(self) -> bool:
        service, parser, url = self.service, self.parser, self.url
        is_plain = url.startswith(b"/") and url.isascii() and b"%" not in url and b"#" not in url
        if service is None or not is_plain or self.flow.write_paused:
            return False
        path, _, query = url.partition(b"?")
        version = parser.get_http_version()
        head = request_head(
            parser.get_method().decode("ascii"),
            path.decode("ascii"),
            query,
            self.headers,
            scheme=self.scheme or "",
            client=self.client,
            version=version,
        )
        try:
            response = service.answer_at_once(head, b"".join(self._pieces))
        except Exception:  # the parser would take it for a malformed request
            return False
        if response is None:
            return False
        self._pieces, self._size = [], 0
        # What else was read with this request takes its turn after those of other clients.
        self._is_kept = self._is_reading = False
        is_kept_alive = version != "1.0" and parser.should_keep_alive()
        self.transport.write(self._to_bytes(response, is_kept_alive=is_kept_alive))
        if not is_kept_alive:
            self.transport.close()
        self.on_response_complete()
        return True

    def _to_bytes(self, response: Response, *, is_kept_alive: bool) -> bytes:
        default = b"".join([b"%b: %b\r\n" % pair for pair in self.server_state.default_headers])
        head = "".join([f"{name}: {value}\r\n" for name, value in response.headers.items()])
        return b"%b%b%bContent-Length: %d\r\n%b\r\n%b" % (
            STATUS_LINE[response.status],
            default,
            head.encode("latin-1"),
            len(response.body),
            b"" if is_kept_alive else b"Connection: close\r\n",
            response.body,
        )

    def on_body(self, body: bytes) -> None:
        """Tells of a body's next piece when it is large, or when the last one is a while ago.

        uvicorn tells of every 64 KiB, which for an image takes longer than its prediction's own
        work around the model.
        """
        if not self._is_kept and self.cycle.response_complete:
            return
        self._pieces.append(body)
        self._size += len(body)
        if self._is_kept:
            return
        if self._size >= _PIECE_BYTES:
            self.flow.pause_reading()
            self._tell()
        elif self.loop.time() - self._told_at > _PIECE_SECONDS:
            self._tell()
        elif not self._will_tell:
            self._will_tell = True
            self.loop.call_later(_PIECE_SECONDS, self._tell_rest)

    def _tell(self) -> None:
        self._told_at = self.loop.time()
        self._gather()
        self.cycle.message_event.set()

    def _tell_rest(self) -> None:
        """Tells of what came since the last piece, in case nothing more comes."""
        self._will_tell = False
        if self._pieces and not self.cycle.response_complete:
            self._tell()

    def _gather(self) -> None:
        """Puts what came into the place where a task takes it from."""
        if self._pieces:
            # Bytes where uvicorn has a bytearray: it takes a copy of it, which for bytes is none.
            if self.cycle.body:
                self._pieces.insert(0, bytes(self.cycle.body))
            self.cycle.body = b"".join(self._pieces)  # type: ignore[assignment]
            self._pieces, self._size = [], 0


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
