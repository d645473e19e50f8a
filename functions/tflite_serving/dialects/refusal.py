"""The default error reply, for dialects that have no error format of their own."""

from __future__ import annotations

import orjson

from tflite_serving.errors import ServingError
from tflite_serving.http.messages import Reply


def refusal(error: ServingError, request_id: str) -> Reply:
    """``{"error", "code", "request_id"}`` with the status and headers of the error.

    Args:
        error: The error.
        request_id: Id of the request, which the log has as well.
    """
    content = orjson.dumps({"error": error.message, "code": error.code, "request_id": request_id})
    return Reply(content, error.status, headers=error.headers)
