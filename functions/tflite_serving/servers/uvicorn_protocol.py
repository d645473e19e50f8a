"""Configuration of uvicorn, and its HTTP protocol with a fast path for short requests.

docs/6-serving-performance.md says why each option is what it is.
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

import httptools
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import (
    STATUS_LINE,
    HttpToolsProtocol,
    RequestResponseCycle,
)
from uvicorn_worker import UvicornWorker

from tflite_serving.http.messages import Response, request_head
from tflite_serving.servers.lingering import WITHHOLD_CONTINUE, LingeringTransport

if TYPE_CHECKING:
    from tflite_serving.service.service import Service

_LARGEST_HEAD = 2**16  # beside what came with its first byte
_HEAD_SECONDS = 10.0
_TIMEOUT = b"408 Request Timeout"
_REST_SECONDS = 10.0  # for the rest of a small body that nobody wants
_MOST_WAITING = 256  # requests behind the one in work
_PIECE_BYTES = 2**20
_PIECE_SECONDS = 0.05


def set_up() -> None:
    """Sets the options of the workers that functions-framework will start in this process."""
    UvicornWorker.CONFIG_KWARGS = {**UvicornWorker.CONFIG_KWARGS, **_OPTIONS}


def answer_with(service: Service | None, shell: Any) -> None:
    """Replaces the application that the workers of this process started.

    Args:
        service: Answers what needs no waiting; None to leave all to the shell (``FAST_PATH=0``).
        shell: ASGI application that gets everything else.
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
    transport: LingeringTransport
    flow: _Flow

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begins with nothing."""
        super().connection_made(LingeringTransport(transport, self))
        self.flow = _Flow(self.transport)
        self._is_reading = False
        self._is_kept = False  # the request that is being read
        self._is_in_head = False
        self._has_offer = False  # of another protocol
        self._head_size = 0  # of one that does not come at once, or of trailers
        self._has_more_body = False  # since the last read
        self._patience: asyncio.TimerHandle | None = None  # with the rest of a request
        self._pieces: list[bytes] = []  # of the body, not told of yet
        self._size = 0  # of them
        self._told_at = 0.0
        self._will_tell = False
        self._wait_for_request()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forgets what it waits for."""
        self._be_patient_no_more()
        self._unset_keepalive_if_required()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Reads what has come."""
        if self.shell is not None:
            self.app = self.shell
        self._unset_keepalive_if_required()
        self._is_reading = True
        try:
            try:
                self.parser.feed_data(data)
            except httptools.HttpParserUpgrade as end_of_head:
                self._parse_on(data, end_of_head)
            self._is_reading = False
            if self._is_kept and not self._is_in_head:
                self._let_go()
                if self._pieces:
                    self._tell()
        except (httptools.HttpParserError, ValueError):  # the latter of a URL that is none
            self._is_reading = False
            self._end_with_what_came_before()
            return
        if self._is_in_head:
            self._wait_for_head(len(data))
        elif self.cycle is not None and self.cycle.more_body:
            self._wait_for_body(len(data))
        elif self.timeout_keep_alive_task is None and self._is_free:
            self._wait_for_request()
        if self.pipeline:
            self.flow.hold()

    def _parse_on(self, data: bytes, end_of_head: httptools.HttpParserUpgrade) -> None:
        while True:
            data = self._head_without_offer() + data[end_of_head.args[0] :]
            try:
                self.parser.feed_data(data)
            except httptools.HttpParserUpgrade as another:
                end_of_head = another
            else:
                return

    def _head_without_offer(self) -> bytes:
        """The head again, for a new parser that then reads its body: an offer may be ignored.

        The parser would take what follows for the other protocol, and leaves it unread.

        Source: RFC 9110, section 7.8.
        """
        if not self._has_offer:
            return b""  # CONNECT, which was refused
        self._has_offer = False
        line = (self.parser.get_method(), self.url, self.parser.get_http_version().encode())
        headers = [b"%b: %b\r\n" % pair for pair in self.headers if pair[0] != b"upgrade"]
        self.parser = httptools.HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)  # as uvicorn's
        return b"%b %b HTTP/%b\r\n%b\r\n" % (*line, b"".join(headers))

    @property
    def _is_free(self) -> bool:
        """Whether no request is in work."""
        return self.cycle is None or self.cycle.response_complete

    def on_message_begin(self) -> None:
        """Keeps a request, unless another one is in work, or was answered within this read.

        Raises:
            ValueError: this connection has no more requests.
        """
        is_free = self._is_free
        self._is_kept = self._is_reading and is_free
        self._is_in_head = True
        if self._is_kept:
            self.url, self.headers, self.expect_100_continue = b"", [], False
            return
        is_last = self.transport.is_closing() if is_free else not self.cycle.keep_alive
        if is_last or len(self.pipeline) == _MOST_WAITING:
            raise ValueError("this connection has no more requests")
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Waits for the body of a request that is kept."""
        if self.parser.should_upgrade() and self.parser.get_method() != b"CONNECT":
            self._has_offer = True
            return
        self._is_in_head = False
        if self._patience is not None:
            self._be_patient_no_more()
        if not self._is_kept:
            self._begin()

    def on_message_complete(self) -> None:
        """Answers a request that is kept, if that takes no waiting."""
        if self._has_offer:
            return
        if self._is_kept:
            if self._answer_at_once():
                return
            self._let_go()
        self._gather()
        super().on_message_complete()
        self.cycle.more_body = False  # of one that was answered before its end, too
        self._head_size = 0
        self._be_patient_no_more()

    def on_response_complete(self) -> None:
        """Reads on, unless more requests are waiting than the next."""
        if self.flow.is_held:
            self.flow.is_held = len(self.pipeline) > 1
        super().on_response_complete()
        if self._is_in_head:
            self._wait_for_head(0)
        elif self.cycle is not None and self.cycle.more_body and self._is_free:
            self._patience = self.loop.call_later(_REST_SECONDS, self.transport.close)

    def _wait_for_request(self) -> None:
        """A client that says nothing must not stay for ever."""
        self.timeout_keep_alive_task = self.loop.call_later(
            self.timeout_keep_alive, self.timeout_keep_alive_handler
        )

    def _wait_for_head(self, size: int) -> None:
        if not self._is_free:
            self.flow.hold()  # the answer in work comes first
        elif self._patience is None:
            self._patience = self.loop.call_later(_HEAD_SECONDS, self._refuse, _TIMEOUT)
        else:
            self._head_size += size
            if self._head_size > _LARGEST_HEAD:
                self._refuse(b"431 Request Header Fields Too Large")

    def _wait_for_body(self, size: int) -> None:
        if self._has_more_body:
            self._has_more_body, self._head_size = False, 0
            return
        self._head_size += size  # of trailers, which are kept like a head
        if self._head_size > _LARGEST_HEAD:
            self._end_with_what_came_before()

    def _be_patient_no_more(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience, self._head_size = None, 0

    def _refuse(self, status: bytes) -> None:
        """Hangs up on what is no request yet."""
        if not self.transport.is_closing():
            end = b"Content-Length: 0\r\nConnection: close\r\n\r\n"
            self.transport.write(b"HTTP/1.1 %b\r\n%b" % (status, end))
            self.transport.close()

    def _end_with_what_came_before(self) -> None:
        """What has come is no HTTP, or too much: closes after the requests before it."""
        cycle = self.cycle
        if self.transport.is_closing():
            return
        if self._is_kept or self._is_free:
            self.send_400_response(_NO_HTTP)
        elif not cycle.more_body:
            cycle.keep_alive = False
            self.flow.hold()
        elif self.pipeline:  # its own body is wrong, and it is not its turn yet
            self.pipeline[0] = (cycle, _refuse_no_http)
        else:
            self.send_400_response(_NO_HTTP)
            cycle.disconnected = True
            cycle.message_event.set()

    def shutdown(self) -> None:
        """Ends a connection that is at rest, and any other with its answer."""
        self.transport.hurry()
        if self._is_free:
            self.transport.end()
        else:
            self.cycle.keep_alive = False

    def _let_go(self) -> None:
        """Does what was left out: the request that was kept goes uvicorn's way."""
        self._is_kept = False
        url, headers, expects = self.url, self.headers, self.expect_100_continue
        super().on_message_begin()
        self.url, self.expect_100_continue = url, expects
        self.headers.extend(headers)  # which the scope holds, too
        self._begin()

    def _begin(self) -> None:
        super().on_headers_complete()
        if self.expect_100_continue:
            withhold = partial(_withhold_continue, self.cycle)
            self.scope["extensions"] = {WITHHOLD_CONTINUE: {"call": withhold}}

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
        self._has_more_body = True
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


def _withhold_continue(cycle: RequestResponseCycle) -> None:
    cycle.waiting_for_100_continue = False


class _Flow(FlowControl):
    """Reading and its pauses; nothing that is in work ends one that is held."""

    is_held = False

    def hold(self) -> None:
        """Pauses until `is_held` is taken back."""
        self.is_held = True
        self.pause_reading()

    def resume_reading(self) -> None:
        """Ends a pause that is not held."""
        if self.read_paused and not self.is_held:
            super().resume_reading()


_NO_HTTP = "Invalid HTTP request received."


async def _refuse_no_http(_scope: Any, _receive: Any, send: Any) -> None:
    """An ASGI application that answers as `Protocol.send_400_response` does."""
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"connection", b"close")]
    headers.append((b"content-length", b"%d" % len(_NO_HTTP)))
    await send({"type": "http.response.start", "status": 400, "headers": headers})
    await send({"type": "http.response.body", "body": _NO_HTTP.encode()})


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
    "timeout_graceful_shutdown": 7,
}
