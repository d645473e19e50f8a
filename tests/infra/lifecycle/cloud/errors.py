"""Errors as Google's REST APIs answer them."""

from __future__ import annotations

from typing import Any

# The canonical code (google.rpc.Code) of each HTTP status, and its number in an operation.
_CODES = {
    400: ("INVALID_ARGUMENT", 3),
    403: ("PERMISSION_DENIED", 7),
    404: ("NOT_FOUND", 5),
    409: ("ALREADY_EXISTS", 6),
    412: ("FAILED_PRECONDITION", 9),
    429: ("RESOURCE_EXHAUSTED", 8),
    500: ("INTERNAL", 13),
    501: ("UNIMPLEMENTED", 12),
    503: ("UNAVAILABLE", 14),
}


class CloudError(Exception):
    """A request that an API refuses.

    Args:
        status: of HTTP.
        message: for people.
        reason: the machine-readable one, such as `notFound`; by default made of the status.
    """

    def __init__(self, status: int, message: str, reason: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.code, self.number = _CODES.get(status, ("UNKNOWN", 2))
        self.message = message
        self.reason = reason or self.code

    def body(self) -> dict[str, Any]:
        """The JSON document that goes with the status."""
        return {
            "error": {
                "code": self.status,
                "message": self.message,
                "status": self.code,
                "errors": [{"reason": self.reason, "message": self.message, "domain": "global"}],
            }
        }


def not_found(path: str) -> CloudError:
    """404 for what is not there."""
    return CloudError(404, f"{path} was not found.", "notFound")
