"""Request in, response out. Knows no web framework: the shells bring the bytes."""

from __future__ import annotations

import random
import threading
import time
import traceback
from concurrent.futures import Future
from types import TracebackType
from typing import Any, Self

import orjson

from tflite_serving.actions import DIALECTS, Task, act, is_quick, loads
from tflite_serving.catalog import Catalog
from tflite_serving.dialects.dialect import Dialect
from tflite_serving.errors import (
    InternalError,
    Overloaded,
    PayloadTooLarge,
    ServingError,
    UnsupportedMediaType,
)
from tflite_serving.http import RequestHead, Response
from tflite_serving.routing import Action, Match, match
from tflite_serving.settings import Settings
from tflite_serving.telemetry import Log, Timings, Trace, request_id

_LONGEST_TEXT = 1000  # of what a client chose, in a log line


class Service:
    """Answers requests.

    Args:
        settings: of the function.
        catalog: the models.
        log: gets a line per request.
    """

    def __init__(self, settings: Settings, catalog: Catalog, log: Log) -> None:
        self.settings = settings
        self.catalog = catalog
        self.log = log
        # Which requests are logged is no secret.
        self._random = random.Random()  # noqa: S311
        self._places = threading.Semaphore(settings.max_in_flight)

    def open(self, head: RequestHead) -> Exchange:
        """Takes a request on before its body is read. Never waits.

        Use the exchange as a context manager; it holds a place among MAX_IN_FLIGHT.
        """
        return Exchange(self, head)

    def admit(self) -> None:
        """Takes a place among MAX_IN_FLIGHT; `release` gives it back.

        Raises:
            Overloaded: there is none.
        """
        if not self._places.acquire(blocking=False):
            raise Overloaded(
                "overloaded",
                f"{self.settings.max_in_flight} requests are in work already; try again",
                retry_after_seconds=1,
            )

    def release(self) -> None:
        """Gives a place back."""
        self._places.release()

    def is_logged(self, status: int) -> bool:
        """Whether a request gets a log line: errors always, others by LOG_SAMPLE."""
        sample = self.settings.log_sample
        return status >= 400 or sample >= 1 or self._random.random() < sample


class Exchange:
    """One request on its way to its response.

    A shell sends what `refuse` makes of `refusal`, if there is one; else it reads the body if the
    exchange `wants_body`, and sends what `answer` makes of it. Exactly one response comes out,
    whatever happens.

    Attributes:
        refusal: what is wrong with the request already, before its body.
    """

    def __init__(self, service: Service, head: RequestHead) -> None:
        self._service = service
        deadline = time.monotonic() + service.settings.request_timeout_seconds
        self._trace = Trace.from_headers(head.headers)
        self._request_id = request_id(head.headers, self._trace)
        self._task = Task(head, Match(Action.INDEX), Timings(), deadline)
        self._admitted = False
        self.refusal: ServingError | None = None
        try:
            self._task.match = match(head.method, head.path)
            if self._dialect is not None:
                _check_head(head, self._dialect, self.max_body_bytes)
                service.admit()
                self._admitted = True
        except Exception as error:
            self.refusal = self._as_serving_error(error)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        where: TracebackType | None,
    ) -> None:
        if self._admitted:
            self._admitted = False
            self._service.release()

    @property
    def wants_body(self) -> bool:
        """Whether the body must be read before `answer`."""
        return self.refusal is None and self._dialect is not None

    @property
    def seconds_left(self) -> float:
        """Until the deadline; never negative."""
        return self._task.seconds_left

    @property
    def max_body_bytes(self) -> int:
        """Largest body that may be read."""
        return self._service.settings.max_request_bytes

    def is_quick(self, size: int) -> bool:
        """Whether `answer` for a body of `size` bytes may run on an event loop."""
        return is_quick(self._task, size, self._service.catalog)

    def loads(self) -> list[Future[Any]]:
        """The loads that `answer` would wait for, under way; they never raise.

        An event loop waits for them before it gives `answer` to a thread.
        """
        return loads(self._task, self._service.catalog)

    def answer(self, body: bytes) -> Response:
        """Computes the response. May wait for a load or an interpreter, until the deadline."""
        service = self._service
        try:
            content = act(self._task, body, service.catalog, service.settings.max_batch)
        except Exception as error:
            return self.refuse(self._as_serving_error(error))
        return self._respond(200, content, {})

    def refuse(self, error: ServingError) -> Response:
        """The response that tells of an error."""
        content = orjson.dumps(
            {"error": error.message, "code": error.code, "request_id": self._request_id}
        )
        return self._respond(error.status, content, error.headers, error)

    @property
    def _dialect(self) -> Dialect | None:
        return DIALECTS.get(self._task.match.action)

    def _as_serving_error(self, error: Exception) -> ServingError:
        if isinstance(error, ServingError):
            return error
        # What nobody foresaw: the client gets an id, and the log gets everything.
        message = f"internal error; the log has it under {self._request_id}"
        stack = "".join(traceback.format_exception(error))
        return InternalError("internal", message, stack)

    def _respond(
        self,
        status: int,
        content: bytes,
        headers: dict[str, str],
        error: ServingError | None = None,
    ) -> Response:
        response = Response(
            status,
            {
                "Content-Type": "application/json",
                "X-Request-Id": self._request_id,
                "Server-Timing": self._task.timings.server_timing(),
                **headers,
            },
            b"" if self._task.head.method == "HEAD" else content,
        )
        if self._service.is_logged(status):
            self._log(response, error)
        return response

    def _log(self, response: Response, error: ServingError | None) -> None:
        task, head = self._task, self._task.head
        fields: dict[str, Any] = {
            "httpRequest": {
                "requestMethod": head.method,
                "requestUrl": head.url[:_LONGEST_TEXT],
                "status": response.status,
                "requestSize": str(head.content_length or 0),
                "responseSize": str(len(response.body)),
                "latency": f"{task.timings.total_ms / 1000:.6f}s",
                "userAgent": head.headers.get("user-agent", "")[:_LONGEST_TEXT],
                "remoteIp": head.remote_ip,
                "protocol": head.protocol,
            },
            "request_id": self._request_id,
            "timings_ms": task.timings.stages,
        }
        if task.served is not None:
            manifest = task.served.manifest
            fields["logging.googleapis.com/labels"] = {
                "model": manifest.name,
                "version": manifest.version,
            }
            fields["instances"] = task.instances
        if self._trace is not None:
            fields.update(self._trace.log_fields(self._service.settings.project))
        if error is None:
            message = f"{head.method} {head.path[:_LONGEST_TEXT]} {response.status}"
            self._service.log.write("INFO", message, **fields)
            return
        fields["code"] = error.code
        if isinstance(error, InternalError) and error.stack:
            fields["stack_trace"] = error.stack
        severity = "ERROR" if response.status >= 500 else "WARNING"
        self._service.log.write(severity, error.message, **fields)


def body_limit_message(limit: int) -> str:
    """What to tell a client whose body is too large."""
    return f"body: expected at most {limit} bytes; send fewer instances at a time"


def _check_head(head: RequestHead, dialect: Dialect, limit: int) -> None:
    encoding = head.headers.get("content-encoding", "identity").lower()
    if encoding not in ("identity", ""):
        raise UnsupportedMediaType(
            "unsupported_content_encoding",
            f"Content-Encoding: expected none, got {encoding!r}; send the body uncompressed",
        )
    if not dialect.accepts(head.content_type):
        raise UnsupportedMediaType(
            "unsupported_content_type",
            f"Content-Type: expected application/json, got {head.content_type!r}; "
            "with curl, add -H 'Content-Type: application/json'",
        )
    if head.content_length is not None and head.content_length > limit:
        raise PayloadTooLarge("payload_too_large", body_limit_message(limit))
