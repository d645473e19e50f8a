"""What the imports cost that every function with LiteRT has: no cold start can be shorter."""

from __future__ import annotations

import ai_edge_litert.interpreter
import functions_framework.aio
import numpy as np
from starlette.requests import Request
from starlette.responses import Response

NEEDED = (ai_edge_litert.interpreter, np)


@functions_framework.aio.http
async def echo(request: Request) -> Response:
    """Reads the body and returns it."""
    return Response(await request.body(), media_type="application/json")
