"""The ASGI shell: between the server and the service.

It is an ASGI application of its own, and knows no framework: on the way of every request a router,
middlewares and request objects would cost more than a small model's whole prediction.
"""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING, Any

from tflite_serving.errors import (
    DeadlineExceeded,
    Overloaded,
    RequestError,
    RequestTimeout,
    ServingError,
)
from tflite_serving.http import RequestHead, Response, request_head
from tflite_serving.service import Exchange, Service

if TYPE_CHECKING:
    from tflite_serving.batching import Batcher

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

_STOP_SECONDS = 5.0  # of the ten that the platform gives
_STOPPING = Overloaded("stopping", "the instance is being stopped; try again", 1)


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

    def _make_batcher(self, window_seconds: float) -> Batcher | None:
        if window_seconds == 0:
            return None
        from tflite_serving.batching import Batcher  # which most have no use for

        return Batcher(window_seconds, self._threads, self._turns)

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answers one request, as the ASGI specification has it.

        Source: https://asgi.readthedocs.io/en/latest/specs/www.html
        """
        if scope["type"] == "websocket":
            await send({"type": "websocket.close"})
            return
        with self._service.open(_head(scope)) as exchange:
            response, close = await self._respond(exchange, receive)
        headers = [
            (name.lower().encode("latin-1"), value.encode("latin-1"))
            for name, value in response.headers.items()
        ]
        headers.append((b"content-length", b"%d" % len(response.body)))
        if close:
            headers.append((b"connection", b"close"))
        await send({"type": "http.response.start", "status": response.status, "headers": headers})
        await send({"type": "http.response.body", "body": response.body})

    async def _respond(self, exchange: Exchange, receive: Receive) -> tuple[Response, bool]:
        """The response, and whether the connection must be closed after it."""
        # Where a client asks to upgrade, the server stops reading, and would take the body for the
        # next request.
        has_upgrade = exchange.wants_upgrade
        try:
            if exchange.refusal is not None:
                raise exchange.refusal
            body = b""
            if exchange.wants_body:
                if has_upgrade:
                    raise RequestError("unsupported_upgrade", "Upgrade: expected none with a body")
                with self._given_up_in_the_end():
                    body = await _read_pieces(exchange, receive)
            if self._batcher is not None and exchange.is_for_a_batch(len(body)):
                return await exchange.answer_in_batch(body, self._batcher), has_upgrade
            if not exchange.is_quick(len(body)):
                return await self._answer_in_turn(exchange, receive, body), has_upgrade
        except ServingError as error:
            # What is left of the body must neither be waited for nor taken for a request.
            return exchange.refuse(error), True
        except asyncio.CancelledError:
            return exchange.refuse(_STOPPING), True
        return exchange.answer(body), has_upgrade

    @contextmanager
    def _given_up_in_the_end(self) -> Iterator[None]:
        """Cancels the block a few seconds after SIGTERM, so that its client gets an answer.

        The server itself would wait for longer, and then end without one.
        """
        self._watch_signal()
        task = asyncio.current_task()
        assert task is not None
        self._waiting.add(task)
        try:
            yield
        finally:
            self._waiting.discard(task)

    def _watch_signal(self) -> None:
        if self._watches_signal:
            return
        handler = signal.getsignal(signal.SIGTERM)
        if threading.current_thread() is not threading.main_thread() or not callable(handler):
            return  # no server listens to the signal, or not here
        loop = asyncio.get_running_loop()

        def stop(number: int, frame: FrameType | None) -> None:
            loop.call_soon_threadsafe(loop.call_later, _STOP_SECONDS, self._give_up)
            handler(number, frame)

        signal.signal(signal.SIGTERM, stop)
        self._watches_signal = True

    def _give_up(self) -> None:
        for task in self._waiting:
            task.cancel()

    async def _answer_in_turn(self, exchange: Exchange, receive: Receive, body: bytes) -> Response:
        """Waits for the load and for a turn, which takes no thread, and computes in a thread."""
        gone = asyncio.ensure_future(_until_gone(receive))
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


async def _read_pieces(exchange: Exchange, receive: Receive) -> bytes:
    """Reads a body that comes in pieces, as long as they come."""
    pieces: list[bytes] = []
    try:
        async with asyncio.timeout(None) as timeout:
            while True:
                wait = min(exchange.body_idle_seconds, exchange.seconds_left)
                timeout.reschedule(asyncio.get_running_loop().time() + wait)
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise RequestTimeout("client_disconnected", "the client went away")
                pieces.append(message.get("body", b""))
                if not message.get("more_body", False):
                    break
                exchange.hold(len(pieces[-1]))
    except TimeoutError:
        size = sum(map(len, pieces))
        raise RequestTimeout(
            "request_timeout", f"body: only {size} bytes came in time; send it faster"
        ) from None
    exchange.admit(len(pieces[-1]))
    return b"".join(pieces)


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


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
