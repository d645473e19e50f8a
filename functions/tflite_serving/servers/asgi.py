"""The ASGI application, which passes requests from the server to the service.

It is an ASGI application of its own, and knows no framework: on the way of every request a router,
middlewares and request objects would cost more than a small model's whole prediction.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, Any

from tflite_serving.errors import DeadlineExceeded, RequestTimeout, ServingError, Stopping
from tflite_serving.http.messages import RequestHead, Response, request_head
from tflite_serving.servers import lingering, stopping
from tflite_serving.service.service import Exchange, Service

if TYPE_CHECKING:
    from tflite_serving.runtime.batching import Batcher

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

_MOST_DISCARDING = 32


class AsgiShell:
    """Reads requests from the event loop, and computes long answers in threads beside it.

    Args:
        service: what answers.
    """

    def __init__(self, service: Service) -> None:
        self._service = service
        # More threads would not compute more, but keep the event loop from its turn.
        workers = service.settings.interpreters + 1
        self._threads = ThreadPoolExecutor(workers)
        self._turns = asyncio.Semaphore(workers)
        self._batcher = self._make_batcher(service.settings.batch_window_ms / 1000)
        self._waiting: set[asyncio.Task[Any]] = set()
        self._watches_signal = False
        self._is_stopping = False
        self._discarding = 0

    def _make_batcher(self, window_seconds: float) -> Batcher | None:
        if window_seconds == 0:
            return None
        from tflite_serving.runtime.batching import Batcher  # which most have no use for

        return Batcher(window_seconds, self._threads, self._turns)

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answers one request, as the ASGI specification has it.

        Source: https://asgi.readthedocs.io/en/latest/specs/www.html
        """
        if scope["type"] == "websocket":
            await send({"type": "websocket.close"})
            return
        extensions = scope.get("extensions") or {}
        upload = _Upload(receive, extensions.get(lingering.WITHHOLD_CONTINUE, {}).get("call"))
        with self._service.open(_head(scope)) as exchange:
            response = await self._respond(exchange, upload)
        if not (upload.is_whole or upload.is_late):
            await self._discard(upload)
        headers = [
            (name.lower().encode("latin-1"), value.encode("latin-1"))
            for name, value in response.headers.items()
        ]
        headers.append((b"content-length", b"%d" % len(response.body)))
        if not upload.is_whole and (upload.has_begun or exchange.is_followed_by_much):
            headers.append((b"connection", b"close"))
        await send({"type": "http.response.start", "status": response.status, "headers": headers})
        await send({"type": "http.response.body", "body": response.body})

    async def _respond(self, exchange: Exchange, upload: _Upload) -> Response:
        try:
            if exchange.refusal is not None:
                raise exchange.refusal
            with self._given_up_in_the_end():
                body = b""
                if exchange.wants_body:
                    body = await upload.read(exchange)
                if self._batcher is not None:
                    read = exchange.for_a_batch(len(body))
                    if read is not None:
                        return await exchange.answer_in_batch(read, body, self._batcher)
                response = exchange.answer_at_once(body)
                if response is None:
                    response = await self._answer_in_turn(exchange, upload, body)
                return response
        except ServingError as error:
            return exchange.refuse(error)
        except asyncio.CancelledError:
            return exchange.refuse(Stopping())

    async def _discard(self, upload: _Upload) -> None:
        """Lets a body that nobody wants come before the response, if there is room for it.

        Few clients and proxies look for a response while they send, and some lose it.
        """
        if self._discarding == _MOST_DISCARDING:
            return
        self._discarding += 1
        try:
            with self._given_up_in_the_end():
                await upload.discard()
        except (Stopping, asyncio.CancelledError):
            return
        finally:
            self._discarding -= 1

    @contextmanager
    def _given_up_in_the_end(self) -> Iterator[None]:
        """Cancels the block a few seconds after SIGTERM, so that its client gets an answer.

        The server itself would wait for longer, and then end without one.
        """
        self._watch_signal()
        if self._is_stopping:
            raise Stopping
        task = asyncio.current_task()
        assert task is not None
        self._waiting.add(task)
        try:
            yield
        finally:
            self._waiting.discard(task)

    def _watch_signal(self) -> None:
        if not self._watches_signal:
            loop = asyncio.get_running_loop()
            self._watches_signal = stopping.watch(partial(_call_soon, loop, self._give_up))

    def _give_up(self) -> None:
        self._is_stopping = True
        for task in self._waiting:
            task.cancel()

    async def _answer_in_turn(self, exchange: Exchange, upload: _Upload, body: bytes) -> Response:
        """Waits for the load and for a turn, which takes no thread, and computes in a thread."""
        gone = asyncio.ensure_future(upload.until_gone())
        turn = asyncio.ensure_future(self._wait_for_turn(exchange))
        try:
            await asyncio.wait(
                {gone, turn}, timeout=exchange.seconds_left, return_when=asyncio.FIRST_COMPLETED
            )
            if gone.done():
                raise RequestTimeout("client_disconnected", "the client went away")
            if not turn.done():
                raise DeadlineExceeded(
                    "deadline_exceeded", "the function is busy, or still loading; try again"
                )
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._threads, exchange.answer, body)
        finally:
            gone.cancel()
            if not turn.cancel():
                self._turns.release()

    async def _wait_for_turn(self, exchange: Exchange) -> None:
        for load in exchange.loads():
            await asyncio.wait([asyncio.wrap_future(load)])
        await self._turns.acquire()


def _call_soon(loop: asyncio.AbstractEventLoop, call: Callable[[], None]) -> None:
    with suppress(RuntimeError):  # the loop has ended already
        loop.call_soon_threadsafe(call)


class _Upload:
    """A body on its way.

    Attributes:
        has_begun: whether it was to be read.
        is_whole: whether all of it was read.
        is_late: whether it did not come in time.
    """

    def __init__(self, receive: Receive, withhold: Callable[[], None] | None = None) -> None:
        self._receive = receive
        self._withhold = withhold
        self.has_begun = self.is_whole = self.is_late = False

    async def read(self, exchange: Exchange) -> bytes:
        """Reads a body that comes in pieces, as long as they come."""
        pieces: list[bytes] = []
        self.has_begun = True
        try:
            async with asyncio.timeout(None) as timeout:
                while True:
                    wait = min(exchange.body_idle_seconds, exchange.seconds_left)
                    timeout.reschedule(asyncio.get_running_loop().time() + wait)
                    piece = await self._next()
                    if piece is None:
                        raise RequestTimeout("client_disconnected", "the client went away")
                    pieces.append(piece)
                    if self.is_whole:
                        break
                    exchange.hold(len(piece))
        except TimeoutError:
            self.is_late = True
            size = sum(map(len, pieces))
            raise RequestTimeout(
                "request_timeout", f"body: only {size} bytes came in time; send it faster"
            ) from None
        exchange.admit(len(pieces[-1]))
        return b"".join(pieces)

    async def discard(self) -> None:
        """Reads the rest for nothing, as long as it comes without a pause."""
        if self._withhold is not None:
            self._withhold()  # a proxy may send what its client should have waited with
        now = asyncio.get_running_loop().time
        end, size = now() + lingering.MOST_SECONDS, 0
        with suppress(TimeoutError):
            async with asyncio.timeout(None) as timeout:
                while not self.is_whole and size < lingering.MOST_BYTES:
                    timeout.reschedule(min(end, now() + lingering.PAUSE_SECONDS))
                    piece = await self._next()
                    if piece is None:
                        return
                    size += len(piece)

    async def until_gone(self) -> None:
        """Waits until the client hangs up."""
        while await self._next() is not None:
            pass

    async def _next(self) -> bytes | None:
        """The next piece; None if the client has hung up."""
        message = await self._receive()
        if message["type"] == "http.disconnect":
            return None
        self.is_whole = not message.get("more_body", False)
        piece: bytes = message.get("body", b"")
        return piece


def _head(scope: Message) -> RequestHead:
    return request_head(
        scope["method"],
        scope["path"],
        scope["query_string"],
        scope["headers"],
        scheme=scope["scheme"],
        client=scope["client"],
        version=scope["http_version"],
    )
