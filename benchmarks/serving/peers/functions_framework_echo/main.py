"""What functions-framework costs by itself, on ASGI. Nothing else is imported."""

from __future__ import annotations

import functions_framework.aio
from starlette.requests import Request
from starlette.responses import Response


@functions_framework.aio.http
async def echo(request: Request) -> Response:
    """Reads the body and returns it."""
    return Response(await request.body(), media_type="application/json")


@functions_framework.aio.http
async def swallow(request: Request) -> Response:
    """Reads the body and returns a few bytes: what it costs to receive a large one."""
    await request.body()
    return Response(b"{}", media_type="application/json")
