"""The ASGI shell: between Starlette and the service."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response as StarletteResponse

from tflite_serving.errors import PayloadTooLarge, RequestTimeout, ServingError
from tflite_serving.http import RequestHead, Response
from tflite_serving.service import Exchange, Service, body_limit_message


class AsgiShell:
    """Reads requests from the event loop, and computes long answers in threads beside it.

    Args:
        service: what answers.
    """

    def __init__(self, service: Service) -> None:
        self._service = service
        # One thread for each admitted request: the service, not this queue, says who waits.
        # The rest is for the routes that need no admission.
        self._threads = ThreadPoolExecutor(service.settings.max_in_flight + 4)

    async def respond(self, request: Request) -> StarletteResponse:
        """Answers one request."""
        with self._service.open(_head(request)) as exchange:
            try:
                if exchange.refusal is not None:
                    raise exchange.refusal
                body = await _read_body(request, exchange) if exchange.wants_body else b""
            except ServingError as error:
                refusal = _to_starlette(exchange.refuse(error))
                # What is left of the body must neither be waited for nor taken for a request.
                refusal.headers["Connection"] = "close"
                return refusal
            if exchange.is_quick(len(body)):
                return _to_starlette(exchange.answer(body))
            loop = asyncio.get_running_loop()
            answer = await loop.run_in_executor(self._threads, exchange.answer, body)
            return _to_starlette(answer)


async def _read_body(request: Request, exchange: Exchange) -> bytes:
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


def _to_starlette(response: Response) -> StarletteResponse:
    return StarletteResponse(response.body, response.status, dict(response.headers))
