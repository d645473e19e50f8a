"""The ASGI shell: between Starlette and the service."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response as StarletteResponse

from tflite_serving.errors import (
    DeadlineExceeded,
    PayloadTooLarge,
    RequestError,
    RequestTimeout,
    ServingError,
)
from tflite_serving.http import RequestHead, Response
from tflite_serving.service import Exchange, Service, body_limit_message


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

    async def respond(self, request: Request) -> StarletteResponse:
        """Answers one request."""
        with self._service.open(_head(request)) as exchange:
            try:
                if exchange.refusal is not None:
                    raise exchange.refusal
                body = await _read_body(request, exchange) if exchange.wants_body else b""
                if not exchange.is_quick(len(body)):
                    return await self._answer_in_turn(request, exchange, body)
            except ServingError as error:
                refusal = _to_starlette(exchange.refuse(error))
                # What is left of the body must neither be waited for nor taken for a request.
                refusal.headers["Connection"] = "close"
                return refusal
            return _to_starlette(exchange.answer(body), close="upgrade" in request.headers)

    async def _answer_in_turn(
        self, request: Request, exchange: Exchange, body: bytes
    ) -> StarletteResponse:
        try:
            async with asyncio.timeout(exchange.seconds_left):
                # First the load, which takes no thread of ours; then a turn.
                for load in exchange.loads():
                    await asyncio.wait([asyncio.wrap_future(load)])
                await self._turns.acquire()
        except TimeoutError:
            raise DeadlineExceeded(
                "deadline_exceeded", "the function is busy, or still loading; try again"
            ) from None
        try:
            if await request.is_disconnected():
                raise RequestTimeout("client_disconnected", "the client went away")
            loop = asyncio.get_running_loop()
            answer = await loop.run_in_executor(self._threads, exchange.answer, body)
        finally:
            self._turns.release()
        return _to_starlette(answer, close="upgrade" in request.headers)


async def _read_body(request: Request, exchange: Exchange) -> bytes:
    if "upgrade" in request.headers:
        # The server stops reading there, and would take the body for the next request.
        raise RequestError("unsupported_upgrade", "Upgrade: expected none with a body")
    limit = exchange.max_body_bytes
    pieces, size = [], 0
    try:
        async with asyncio.timeout(exchange.seconds_left):
            async for piece in request.stream():
                size += len(piece)
                if size > limit:
                    raise PayloadTooLarge("payload_too_large", body_limit_message(limit))
                pieces.append(piece)
    except TimeoutError:
        raise RequestTimeout(
            "request_timeout", f"body: only {size} bytes came in time; send it faster"
        ) from None
    except ClientDisconnect:
        raise RequestTimeout("client_disconnected", "the client went away") from None
    return b"".join(pieces)


def _head(request: Request) -> RequestHead:
    return RequestHead(
        method=request.method,
        path=request.scope["path"],
        query=dict(reversed(request.query_params.multi_items())),
        headers=request.headers,
        url=str(request.url),
        remote_ip=request.client.host if request.client else "",
        protocol=f"HTTP/{request.scope.get('http_version', '1.1')}",
    )


def _to_starlette(response: Response, *, close: bool = False) -> StarletteResponse:
    headers = {**response.headers, "Connection": "close"} if close else dict(response.headers)
    return StarletteResponse(response.body, response.status, headers)
