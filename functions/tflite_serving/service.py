"""Request in, response out. Knows no web framework: the shells bring the bytes."""

from __future__ import annotations

import random
import threading
import time
import traceback
from types import TracebackType
from typing import Any, Self, assert_never

import numpy as np
import orjson

from tflite_serving.catalog import Catalog, ServedModel
from tflite_serving.dialects.dialect import Dialect, Prediction
from tflite_serving.dialects.simple import SimpleDialect
from tflite_serving.dialects.tensorflow_serving import (
    TensorFlowServingDialect,
    metadata_document,
    status_document,
)
from tflite_serving.errors import (
    DeadlineExceeded,
    InternalError,
    Overloaded,
    PayloadTooLarge,
    RequestError,
    ServingError,
    UnsupportedMediaType,
)
from tflite_serving.http import RequestHead, Response
from tflite_serving.inputs.tensor import to_tensor
from tflite_serving.routing import ROUTES, Action, Match, match
from tflite_serving.settings import Settings
from tflite_serving.telemetry import Log, Timings, Trace, request_id

_DIALECTS: dict[Action, Dialect] = {
    Action.PREDICT_SIMPLE: SimpleDialect(),
    Action.PREDICT_TENSORFLOW_SERVING: TensorFlowServingDialect(),
}


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
        # Not os.urandom on every request; which requests are logged is no secret.
        self._random = random.Random()  # noqa: S311
        self._slots = threading.Semaphore(settings.max_in_flight)

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
        if not self._slots.acquire(blocking=False):
            raise Overloaded(
                "overloaded",
                f"{self.settings.max_in_flight} requests are in work already; try again",
                retry_after_seconds=1,
            )

    def release(self) -> None:
        """Gives a place back."""
        self._slots.release()

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
        self._head = head
        self._timings = Timings()
        self._deadline = time.monotonic() + service.settings.request_timeout_seconds
        self._trace = Trace.from_headers(head.headers)
        self._request_id = request_id(head.headers, self._trace)
        self._served: ServedModel | None = None
        self._instances = 0
        self._admitted = False
        self._match = Match(Action.INDEX)
        self.refusal: ServingError | None = None
        try:
            self._match = match(head.method, head.path)
            if self._dialect is not None:
                self._check_head(self._dialect)
                service.admit()
                self._admitted = True
        except ServingError as error:
            self.refusal = error

    @property
    def wants_body(self) -> bool:
        """Whether the body must be read before `answer`."""
        return self.refusal is None and self._dialect is not None

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
    def seconds_left(self) -> float:
        """Until the deadline; never negative."""
        return max(0.0, self._deadline - time.monotonic())

    @property
    def max_body_bytes(self) -> int:
        """Largest body that may be read."""
        return self._service.settings.max_request_bytes

    def answer(self, body: bytes) -> Response:
        """Computes the response. May wait for a load or an interpreter, until the deadline."""
        try:
            content = self._act(body)
        except ServingError as error:
            return self.refuse(error)
        except Exception:
            return self.refuse(
                InternalError(
                    "internal", f"internal error; the log has it under {self._request_id}"
                ),
                traceback.format_exc(),
            )
        return self._respond(200, content, {})

    def refuse(self, error: ServingError, stack: str | None = None) -> Response:
        """The response that tells of an error.

        Args:
            error: what to tell.
            stack: a stack trace for the log, and for nobody else.
        """
        content = orjson.dumps(
            {"error": error.message, "code": error.code, "request_id": self._request_id}
        )
        return self._respond(error.status, content, error.headers, error, stack)

    @property
    def _dialect(self) -> Dialect | None:
        return _DIALECTS.get(self._match.action)

    def _check_head(self, dialect: Dialect) -> None:
        head, limit = self._head, self.max_body_bytes
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

    def _act(self, body: bytes) -> bytes:
        action = self._match.action
        match action:
            case Action.PREDICT_SIMPLE | Action.PREDICT_TENSORFLOW_SERVING:
                return self._predict(_DIALECTS[action], body)
            case Action.INDEX:
                return orjson.dumps(self._index())
            case Action.LIVE:
                return orjson.dumps({"live": True})
            case Action.READY:
                for slot in self._service.catalog.slots:
                    slot.get(self.seconds_left, self._timings)
                return orjson.dumps({"ready": True})
            case Action.STATUS:
                return orjson.dumps(status_document(self._find().manifest.version))
            case Action.METADATA:
                return orjson.dumps(metadata_document(self._find().manifest))
            case _:
                assert_never(action)

    def _find(self) -> ServedModel:
        wanted = self._match
        self._served = self._service.catalog.find(
            wanted.name, wanted.version, wanted.alias, self.seconds_left, self._timings
        )
        return self._served

    def _predict(self, dialect: Dialect, body: bytes) -> bytes:
        served = self._find()
        manifest, timings = served.manifest, self._timings
        with timings.stage("parse"):
            request = dialect.parse(body, manifest)
        self._instances = request.batch
        if request.batch > self._service.settings.max_batch:
            raise RequestError(
                "batch_too_large",
                f"expected at most {self._service.settings.max_batch} instances, "
                f"got {request.batch}; send them in several requests",
            )
        with timings.stage("preprocess"):
            inputs = {
                spec.name: to_tensor(request.inputs[spec.name], spec) for spec in manifest.inputs
            }
        if self.seconds_left == 0:
            raise DeadlineExceeded("deadline_exceeded", "the request took too long; try again")
        outputs = served.model.run(inputs, timings, self.seconds_left)
        for name, values in outputs.items():
            if not np.isfinite(values).all():
                raise InternalError(
                    "model_output_not_finite",
                    f"the model answered NaN or infinity in output {name!r}",
                )
        with timings.stage("encode"):
            return dialect.render(Prediction(outputs, manifest), request, self._head.query)

    def _index(self) -> dict[str, Any]:
        models = []
        for slot in self._service.catalog.slots:
            name, current = slot.ref.name, slot.current
            models.append(
                {
                    "name": name,
                    "alias": slot.ref.alias,
                    "version": current.manifest.version if current else slot.ref.version,
                    "loaded": current is not None,
                    "links": {
                        "predict": f"/models/{name}/predict",
                        "tensorflow_serving": f"/v1/models/{name}:predict",
                        "metadata": f"/v1/models/{name}/metadata",
                    },
                }
            )
        routes = [f"{route.method} {route.template}" for route in ROUTES]
        return {"models": models, "routes": routes}

    def _respond(
        self,
        status: int,
        content: bytes,
        headers: dict[str, str],
        error: ServingError | None = None,
        stack: str | None = None,
    ) -> Response:
        response = Response(
            status,
            {
                "Content-Type": "application/json",
                "X-Request-Id": self._request_id,
                "Server-Timing": self._timings.server_timing(),
                **headers,
            },
            b"" if self._head.method == "HEAD" else content,
        )
        if self._service.is_logged(status):
            self._log(response, error, stack)
        return response

    def _log(self, response: Response, error: ServingError | None, stack: str | None) -> None:
        head, settings = self._head, self._service.settings
        severity = "INFO" if response.status < 400 else "WARNING"
        fields: dict[str, Any] = {
            "httpRequest": {
                "requestMethod": head.method,
                "requestUrl": head.url,
                "status": response.status,
                "requestSize": str(head.content_length or 0),
                "responseSize": str(len(response.body)),
                "latency": f"{self._timings.total_ms / 1000:.6f}s",
                "userAgent": head.headers.get("user-agent", ""),
                "remoteIp": head.remote_ip,
                "protocol": head.protocol,
            },
            "request_id": self._request_id,
            "timings_ms": self._timings.stages,
        }
        if self._served is not None:
            manifest = self._served.manifest
            fields["logging.googleapis.com/labels"] = {
                "model": manifest.name,
                "version": manifest.version,
            }
            fields["instances"] = self._instances
        if self._trace is not None:
            fields.update(self._trace.log_fields(settings.project))
        if error is not None:
            fields["code"] = error.code
        if stack is not None:
            severity = "ERROR"
            fields["stack_trace"] = stack
        message = error.message if error else f"{head.method} {head.path} {response.status}"
        self._service.log.write(severity, message, **fields)


def body_limit_message(limit: int) -> str:
    """What to tell a client whose body is too large."""
    return f"body: expected at most {limit} bytes; send fewer instances at a time"
