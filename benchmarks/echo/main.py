"""What functions-framework costs by itself: an ASGI function that returns the body it was sent."""

from __future__ import annotations

import functions_framework.aio
from starlette.requests import Request
from starlette.responses import Response


@functions_framework.aio.http
async def echo(request: Request) -> Response:
    """Returns the body."""
    return Response(await request.body(), media_type="application/json")
