"""The service: handles HTTP requests, independent of any web framework."""

from __future__ import annotations

import random
import time
import traceback
from collections.abc import Callable
from concurrent.futures import Future, wait
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from tflite_serving.catalog.catalog import Catalog
from tflite_serving.dialects.refusal import refusal
from tflite_serving.errors import (
    DeadlineExceeded,
    InternalError,
    PayloadTooLarge,
    ServingError,
    UnsupportedMediaType,
)
from tflite_serving.http.messages import Reply, RequestHead, Response
from tflite_serving.http.routing import Match
from tflite_serving.inputs.diagnose import shortened
from tflite_serving.service.admission import Admission
from tflite_serving.service.handlers.handler import Handler, Respond
from tflite_serving.service.prediction import Prediction
from tflite_serving.service.request_context import RequestContext
from tflite_serving.service.routes import INDEX, ROUTER
from tflite_serving.settings import Settings
from tflite_serving.telemetry import Log, Timings, Trace, request_id, timings_json

if TYPE_CHECKING:
    from tflite_serving.runtime.batching import Batcher

_LONGEST_TEXT = 1000  # of what a client chose, in a log line
_UNMATCHED: Match[Handler] = Match(INDEX)
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
        self.has_batches = settings.batch_window_ms > 0
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
            head: The request before its body.
            body: All of its body.
        """
        with Exchange(self, head) as exchange:
            # It needs no place among those in work: it is done before anyone could take another.
            return None if exchange.refusal is not None else exchange.answer_at_once(body)

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
        "_context",
        "_handler",
        "_held_bytes",
        "_is_admitted",
        "_request_id",
        "_service",
        "_trace",
        "refusal",
    )

    def __init__(self, service: Service, head: RequestHead) -> None:
        self._service = service
        settings = service.settings
        deadline = time.monotonic() + settings.request_timeout_seconds
        self._trace = Trace.from_headers(head.headers)
        self._request_id = request_id(head.headers, self._trace)
        self._is_admitted = False
        self._held_bytes = 0
        self._body_bytes = 0
        self.refusal: ServingError | None = None
        match = _UNMATCHED
        try:
            match = ROUTER.match(head.method, head.path)
            dialect = match.handler.dialect
            if dialect is not None:
                _check_head(head, settings.max_request_bytes)
                dialect.check(head)
                if service.admission.is_full:
                    # Better reported before the body is sent than after.
                    raise service.admission.refusal()
        except Exception as error:
            self.refusal = self._as_serving_error(error)
        self._handler = match.handler
        self._context = RequestContext(
            head, match, service.catalog, settings.max_batch, Timings(), deadline
        )

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
        return self.refusal is None and self._handler.dialect is not None

    @property
    def is_followed_by_much(self) -> bool:
        """Whether a body that was not read is too much to keep the connection for."""
        head = self._context.head
        if head.content_length is None:
            return "transfer-encoding" in head.headers
        # Who waits to be told to go on may, or may not, send it after another answer.
        return head.content_length > (0 if "expect" in head.headers else _SMALL_BODY)

    @property
    def seconds_left(self) -> float:
        """Until the deadline; never negative."""
        return self._context.seconds_left

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

    def answer_at_once(self, body: bytes) -> Response | None:
        """The response, if it takes no waiting; else None, and nothing is done."""
        if self._service.has_batches and self._handler.dialect is not None:
            return None
        respond = self._handler.at_once(self._context, len(body))
        return None if respond is None else self._answer(respond, body)

    def for_a_batch(self, size: int) -> Callable[[bytes], Prediction] | None:
        """Reads a body of `size` bytes for `answer_in_batch`; None if it is not one for a batch."""
        return self._handler.for_a_batch(self._context, size)

    def loads(self) -> list[Future[Any]]:
        """The loads that `answer` would wait for, under way; they never raise.

        An event loop waits for them before it gives `answer` to a thread.
        """
        return self._handler.loads(self._context)

    def answer(self, body: bytes) -> Response:
        """Computes the response. May wait for a load or an interpreter, until the deadline."""
        return self._answer(partial(self._handler.respond, self._context), body)

    async def answer_in_batch(
        self, read: Callable[[bytes], Prediction], body: bytes, batcher: Batcher
    ) -> Response:
        """Computes the response together with those of other requests.

        Args:
            read: See `for_a_batch`.
            body: All of the body.
            batcher: Runs predictions of several requests as one batch.
        """
        context, self._body_bytes = self._context, len(body)
        try:
            prediction = read(body)
            outputs = await batcher.run_groups(
                prediction.pool, prediction.sub_batches, context.timings, context.seconds_left
            )
            reply = prediction.render(outputs)
        except Exception as error:
            return self.refuse(error)
        return self._respond(reply)

    def _answer(self, respond: Respond, body: bytes) -> Response:
        self._body_bytes = len(body)
        try:
            if time.monotonic() >= self._context.deadline:
                raise DeadlineExceeded(
                    "deadline_exceeded", "the request waited too long; try again"
                )
            reply = respond(body)
        except Exception as error:
            return self.refuse(error)
        return self._respond(reply)

    def refuse(self, raised: Exception) -> Response:
        """The response that reports an error; of one that nobody foresaw, only its id."""
        error = self._as_serving_error(raised)
        refuse = refusal if self._handler.dialect is None else self._handler.dialect.refuse
        return self._respond(refuse(error, self._request_id), error)

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

    def _respond(self, reply: Reply, error: ServingError | None = None) -> Response:
        context, status = self._context, reply.status
        content = b"" if context.head.method == "HEAD" else reply.content
        server_timing = context.timings.server_timing()
        if self._service.is_logged(status):
            self._log(status, len(content), server_timing, error)
        headers = {
            "Content-Type": reply.media_type,
            "X-Request-Id": self._request_id,
            "Server-Timing": server_timing,
        }
        if reply.headers is not None:
            headers.update(reply.headers)
        return Response(status, headers, content)

    def _log(self, status: int, size: int, server_timing: str, error: ServingError | None) -> None:
        context, log = self._context, self._service.log
        severity = "INFO" if error is None else "ERROR" if status >= 500 else "WARNING"
        if not log.writes(severity):
            return
        head = context.head
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
                "latency": f"{context.timings.total_ms / 1000:.6f}s",
                "userAgent": head.headers.get("user-agent", "")[:_LONGEST_TEXT],
                "remoteIp": head.remote_ip,
                "protocol": head.protocol,
            },
            "request_id": self._request_id,
            "timings_ms": timings_json(server_timing),
        }
        if context.log is not None:
            context.log.add_to(entry)
        if self._trace is not None:
            entry.update(self._trace.log_fields(self._service.settings.project))
        if error is not None:
            entry["code"] = error.code
            if isinstance(error, InternalError) and error.stack:
                entry["stack_trace"] = error.stack
        log.write_entry(entry)


def _limit_message(limit: int) -> str:
    return f"body: expected at most {limit} bytes; send fewer instances at a time"


def _check_head(head: RequestHead, limit: int) -> None:
    encoding = head.headers.get("content-encoding")
    if encoding and encoding.lower() != "identity":
        raise UnsupportedMediaType(
            "unsupported_content_encoding",
            f"Content-Encoding: expected none, got {shortened(encoding)!r}; "
            "send the body uncompressed",
        )
    length = head.content_length
    if length is not None and length > limit:
        raise PayloadTooLarge("payload_too_large", _limit_message(limit))
