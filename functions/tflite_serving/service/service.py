"""Request in, response out. Knows no web framework: the shells bring the bytes."""

from __future__ import annotations

import random
import time
import traceback
from collections.abc import Mapping
from concurrent.futures import Future, wait
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import orjson

from tflite_serving.catalog.catalog import Catalog
from tflite_serving.dialects.dialect import Dialect
from tflite_serving.errors import (
    InternalError,
    PayloadTooLarge,
    ServingError,
    UnsupportedMediaType,
)
from tflite_serving.http.messages import RequestHead, Response
from tflite_serving.http.routing import Action, Match, match
from tflite_serving.inputs.diagnose import shortened
from tflite_serving.runtime.postprocess import confidence
from tflite_serving.service.admission import Admission
from tflite_serving.service.handlers import DIALECTS, act, is_quick, is_quickly_read, loads, read
from tflite_serving.service.request_context import RequestContext
from tflite_serving.settings import Settings
from tflite_serving.telemetry import Log, Timings, Trace, request_id, timings_json

if TYPE_CHECKING:
    from tflite_serving.runtime.batching import Batcher

_LONGEST_TEXT = 1000  # of what a client chose, in a log line
_UNMATCHED = Match(Action.INDEX)
_SMALL_BODY = 2**16
_BODIES_HELD = 4  # of the largest size; smaller ones in proportion


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
        self.admission = Admission(
            settings.max_in_flight, _BODIES_HELD * settings.max_request_bytes
        )
        # Which requests are logged is no secret.
        self._random = random.Random()  # noqa: S311

    def open(self, head: RequestHead) -> Exchange:
        """Takes a request on before its body is read. Never waits.

        Use the exchange as a context manager; it holds what `Admission` counts.
        """
        return Exchange(self, head)

    def answer_at_once(self, head: RequestHead, body: bytes) -> Response | None:
        """The response to a whole request, if it takes no waiting; else None, and nothing is done.

        Args:
            head: the request.
            body: all of it.
        """
        with self.open(head) as exchange:
            if exchange.refusal is not None:
                return None
            # It needs no place among those in work: it is done before anyone could take another.
            return exchange.answer(body) if exchange.is_quick(len(body)) else None

    def load(self) -> None:
        """Loads every model, all at once; those that fail are tried again when they are asked."""
        wait([entry.start() for entry in self.catalog.entries])

    def give_up(self) -> None:
        """Refuses what waits for a load or an interpreter, now and later: the instance ends."""
        for entry in self.catalog.entries:
            entry.give_up()

    def is_logged(self, status: int) -> bool:
        """Whether a request gets a log line: errors always, others by LOG_SAMPLE."""
        sample = self.settings.log_sample
        return status >= 400 or sample >= 1 or self._random.random() < sample


class Exchange:
    """One request on its way to its response.

    A shell sends what `refuse` makes of `refusal`, if there is one. Else it reads the body if the
    exchange `wants_body`, tells `hold` of its pieces as they come and `admit` of the last, and
    sends what `answer` makes of it. Exactly one response comes out, whatever happens.

    Attributes:
        refusal: what is wrong with the request already, before its body.
    """

    __slots__ = (
        "_body_bytes",
        "_held_bytes",
        "_is_admitted",
        "_request_id",
        "_service",
        "_task",
        "_trace",
        "refusal",
    )

    def __init__(self, service: Service, head: RequestHead) -> None:
        self._service = service
        deadline = time.monotonic() + service.settings.request_timeout_seconds
        self._trace = Trace.from_headers(head.headers)
        self._request_id = request_id(head.headers, self._trace)
        self._task = task = RequestContext(head, _UNMATCHED, None, Timings(), deadline)
        self._is_admitted = False
        self._held_bytes = 0
        self._body_bytes = 0
        self.refusal: ServingError | None = None
        try:
            task.match = match(head.method, head.path)
            task.dialect = DIALECTS.get(task.match.action)
            if task.dialect is not None:
                _check_head(head, task.dialect, service.settings.max_request_bytes)
                if service.admission.is_full:
                    # Better told before the body is sent than after.
                    raise service.admission.refusal()
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
        if self._held_bytes or self._is_admitted:
            self._service.admission.leave(self._held_bytes, in_flight=self._is_admitted)
            self._held_bytes, self._is_admitted = 0, False

    @property
    def wants_body(self) -> bool:
        """Whether the body must be read before `answer`."""
        return self.refusal is None and self._task.dialect is not None

    @property
    def is_followed_by_much(self) -> bool:
        """Whether a body that was not read is too much to keep the connection for."""
        head = self._task.head
        if head.content_length is None:
            return "transfer-encoding" in head.headers
        # Who waits to be told to go on may, or may not, send it after another answer.
        return head.content_length > (0 if "expect" in head.headers else _SMALL_BODY)

    @property
    def seconds_left(self) -> float:
        """Until the deadline; never negative."""
        return self._task.seconds_left

    @property
    def max_body_bytes(self) -> int:
        """Largest body that may be read."""
        return self._service.settings.max_request_bytes

    @property
    def body_idle_seconds(self) -> float:
        """Longest pause within a body."""
        return self._service.settings.body_idle_seconds

    def hold(self, size: int) -> None:
        """Counts bytes of a body of which more will come.

        Raises:
            PayloadTooLarge: they are more than one body may have.
            Overloaded: they are more than all bodies together may have.
        """
        held = self._held_with(size)
        self._service.admission.hold(size)
        self._held_bytes = held

    def admit(self, size: int) -> None:
        """Counts the last bytes of the body, and takes a place among MAX_IN_FLIGHT.

        Raises:
            PayloadTooLarge, Overloaded: as `hold`, or there is no place.
        """
        held = self._held_with(size)
        self._service.admission.enter(size)
        self._held_bytes = held
        self._is_admitted = True

    def is_quick(self, size: int) -> bool:
        """Whether `answer` for a body of `size` bytes may run on an event loop."""
        if self._waits_for_others:
            return False
        return is_quick(self._task, size, self._service.catalog)

    def is_for_a_batch(self, size: int) -> bool:
        """Whether a body of `size` bytes is one for `answer_in_batch`."""
        return self._waits_for_others and is_quickly_read(self._task, size, self._service.catalog)

    @property
    def _waits_for_others(self) -> bool:
        return self._task.dialect is not None and self._service.settings.batch_window_ms > 0

    def loads(self) -> list[Future[Any]]:
        """The loads that `answer` would wait for, under way; they never raise.

        An event loop waits for them before it gives `answer` to a thread.
        """
        return loads(self._task, self._service.catalog)

    def answer(self, body: bytes) -> Response:
        """Computes the response. May wait for a load or an interpreter, until the deadline."""
        service, self._body_bytes = self._service, len(body)
        try:
            content = act(self._task, body, service.catalog, service.settings.max_batch)
        except Exception as error:
            return self.refuse(error)
        return self._respond(200, content, self._task.headers or {})

    async def answer_in_batch(self, body: bytes, batcher: Batcher) -> Response:
        """Computes the response together with those of other requests."""
        service, task, self._body_bytes = self._service, self._task, len(body)
        try:
            prediction = read(task, body, service.catalog, service.settings.max_batch)
            outputs = await batcher.run_groups(
                prediction.model, prediction.groups, task.timings, task.seconds_left
            )
            content = prediction.write(outputs)
        except Exception as error:
            return self.refuse(error)
        return self._respond(200, content, task.headers or {})

    def refuse(self, raised: Exception) -> Response:
        """The response that tells of an error; of one that nobody foresaw, only its id."""
        error = self._as_serving_error(raised)
        content = orjson.dumps(
            {"error": error.message, "code": error.code, "request_id": self._request_id}
        )
        return self._respond(error.status, content, error.headers, error)

    def _held_with(self, size: int) -> int:
        held, limit = self._held_bytes + size, self._service.settings.max_request_bytes
        if held > limit:
            raise PayloadTooLarge("payload_too_large", _limit_message(limit))
        return held

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
        headers: Mapping[str, str],
        error: ServingError | None = None,
    ) -> Response:
        task = self._task
        if task.head.method == "HEAD":
            content = b""
        server_timing = task.timings.server_timing()
        if self._service.is_logged(status):
            self._log(status, len(content), server_timing, error)
        return Response(
            status,
            {
                "Content-Type": "application/json",
                "X-Request-Id": self._request_id,
                "Server-Timing": server_timing,
                **headers,
            },
            content,
        )

    def _log(self, status: int, size: int, server_timing: str, error: ServingError | None) -> None:
        task, head, log = self._task, self._task.head, self._service.log
        severity = "INFO" if error is None else "ERROR" if status >= 500 else "WARNING"
        if not log.writes(severity):
            return
        done = f"{head.method} {head.path[:_LONGEST_TEXT]} {status}"
        entry: dict[str, Any] = {
            "severity": severity,
            "message": done if error is None else error.message,
            "httpRequest": {
                "requestMethod": head.method,
                "requestUrl": head.url[:_LONGEST_TEXT],
                "status": status,
                "requestSize": str(self._body_bytes or head.content_length or 0),
                "responseSize": str(size),
                "latency": f"{task.timings.total_ms / 1000:.6f}s",
                "userAgent": head.headers.get("user-agent", "")[:_LONGEST_TEXT],
                "remoteIp": head.remote_ip,
                "protocol": head.protocol,
            },
            "request_id": self._request_id,
            "timings_ms": timings_json(server_timing),
        }
        if task.served is not None:
            entry["logging.googleapis.com/labels"] = task.served.labels
            entry["instances"] = task.instances
            if task.scores is not None and task.served.judged is not None:
                # How sure the model is: when its inputs drift, this does, too.
                entry["confidence"] = confidence(task.scores, task.served.judged.task)
        if self._trace is not None:
            entry.update(self._trace.log_fields(self._service.settings.project))
        if error is not None:
            entry["code"] = error.code
            if isinstance(error, InternalError) and error.stack:
                entry["stack_trace"] = error.stack
        log.write_entry(entry)


def _limit_message(limit: int) -> str:
    return f"body: expected at most {limit} bytes; send fewer instances at a time"


def _check_head(head: RequestHead, dialect: Dialect, limit: int) -> None:
    encoding = head.headers.get("content-encoding")
    if encoding and encoding.lower() != "identity":
        raise UnsupportedMediaType(
            "unsupported_content_encoding",
            f"Content-Encoding: expected none, got {shortened(encoding)!r}; "
            "send the body uncompressed",
        )
    dialect.check_type(head.content_type)
    length = head.content_length
    if length is not None and length > limit:
        raise PayloadTooLarge("payload_too_large", _limit_message(limit))
