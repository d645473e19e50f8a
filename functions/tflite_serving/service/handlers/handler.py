"""Interface of the handlers, which respond to the requests of a route."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from tflite_serving.dialects.dialect import Dialect
from tflite_serving.http.messages import Reply
from tflite_serving.service.prediction import Prediction
from tflite_serving.service.request_context import RequestContext

Respond = Callable[[bytes], Reply]
"""Makes the reply of a request from its body."""


class Handler(ABC):
    """Handles the requests of some routes.

    Attributes:
        dialect: Dialect of the body, which must be read, and the request admitted, before
            `respond`; None of requests without a body.
    """

    dialect: Dialect | None = None

    @abstractmethod
    def loads(self, context: RequestContext) -> list[Future[Any]]:
        """The loads that `respond` would wait for, started if need be; they never raise."""

    @abstractmethod
    def at_once(self, context: RequestContext, size: int) -> Respond | None:
        """Makes the reply in so little time that an event loop may wait for it; else None.

        Args:
            context: The request.
            size: Size of its body in bytes.
        """

    @abstractmethod
    def respond(self, context: RequestContext, body: bytes) -> Reply:
        """The reply. May wait for a load or an interpreter, until the deadline.

        Args:
            context: The request.
            body: All of its body.

        Raises:
            ServingError: whatever is wrong.
        """

    def for_a_batch(
        self, context: RequestContext, size: int
    ) -> Callable[[bytes], Prediction] | None:
        """Reads a prediction that may run in one batch with others, soon; else None.

        Args:
            context: The request.
            size: Size of its body in bytes.
        """
        return None
