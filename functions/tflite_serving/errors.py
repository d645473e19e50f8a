"""The function's exceptions as one tree, with their HTTP status codes.

ServingError                       has an HTTP status and a code for programs
├── RequestError               400 the client sent something wrong
│   ├── NotFound               404 unknown route, model or version
│   ├── MethodNotAllowed       405
│   ├── RequestTimeout         408 the body came too slowly
│   ├── PayloadTooLarge        413
│   └── UnsupportedMediaType   415
├── Overloaded                 503 too many requests in work
├── Stopping                   503 the instance ends
├── ModelUnavailable           503 the model cannot answer now
├── DeadlineExceeded           504
└── InternalError              500 ours, and what it says to clients leaks nothing

ArtifactError                      why an artifact cannot be had or served (never sent as is)
├── StoreError                     the registry did not give what was asked
│   ├── ObjectNotFound
│   ├── AccessDenied
│   └── StoreUnreachable
└── ArtifactRefused                it is there, but must not be served
    ├── IntegrityError             a file is not what the manifest says
    └── GoldenMismatch             it does not reproduce the reference's answers

RefusedValue                       preprocessing cannot take a value; told with its place
├── UnknownValue                   a vocabulary that allows no others lacks it
└── TooLongWord                    its first tokens depend on what is far behind them
SettingsError                      the environment is wrong; the function does not start
"""

from __future__ import annotations

from typing import ClassVar


class ServingError(Exception):
    """An error with an HTTP answer.

    Attributes:
        status: the HTTP status.
        code: a snake_case word for programs; part of the API.
        message: for people: where, what was expected, what came, what to do.
    """

    status: ClassVar[int] = 500

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message

    @property
    def headers(self) -> dict[str, str]:
        """Headers that go with the status."""
        return {}


class RequestError(ServingError):
    """The client sent something that cannot be answered; sending it again will not help."""

    status = 400


class NotFound(RequestError):
    """There is no such route, model or version."""

    status = 404


class MethodNotAllowed(RequestError):
    """The route exists, but not with this method."""

    status = 405

    def __init__(self, method: str, path: str, allowed: tuple[str, ...]) -> None:
        super().__init__(
            "method_not_allowed",
            f"{path[:200]}: expected {' or '.join(allowed)}, got {method[:20]}",
        )
        self.allowed = allowed

    @property
    def headers(self) -> dict[str, str]:
        """Says which methods the route has."""
        return {"Allow": ", ".join(self.allowed)}


class RequestTimeout(RequestError):
    """The body did not arrive in time."""

    status = 408


class PayloadTooLarge(RequestError):
    """The body is over MAX_REQUEST_BYTES."""

    status = 413


class UnsupportedMediaType(RequestError):
    """The body is of a type, or in an encoding, that the route does not read."""

    status = 415


class _TryLater(ServingError):
    """A condition that passes."""

    status = 503

    def __init__(self, code: str, message: str, retry_after_seconds: int) -> None:
        super().__init__(code, message)
        self.retry_after_seconds = retry_after_seconds

    @property
    def headers(self) -> dict[str, str]:
        """Says when to try again."""
        return {"Retry-After": str(self.retry_after_seconds)}


class Overloaded(_TryLater):
    """MAX_IN_FLIGHT requests are in work already."""


class Stopping(_TryLater):
    """The instance is being stopped, and the answer would come too late."""

    def __init__(self) -> None:
        super().__init__("stopping", "the instance is being stopped; try again", 1)


class ModelUnavailable(_TryLater):
    """The model could not be loaded, or was refused; the log says why."""


class DeadlineExceeded(ServingError):
    """The answer was not ready within REQUEST_TIMEOUT_SECONDS."""

    status = 504


class InternalError(ServingError):
    """A fault of the function or of the model.

    Attributes:
        stack: where it happened, for the log and for nobody else; "" if the message says it.
    """

    def __init__(self, code: str, message: str, stack: str = "") -> None:
        super().__init__(code, message)
        self.stack = stack


class ArtifactError(Exception):
    """An artifact cannot be had or served.

    Attributes:
        code: a snake_case word for programs, repeated in the answer and in the log.
    """

    code: ClassVar[str] = "artifact_error"


class StoreError(ArtifactError):
    """The registry did not give what was asked for."""

    code = "registry_error"


class ObjectNotFound(StoreError):
    """There is no such file in the registry."""

    code = "not_in_registry"


class ObjectTooLarge(StoreError):
    """A file of the registry is larger than what belongs there can be."""


class AccessDenied(StoreError):
    """The registry refuses this identity."""

    code = "registry_denied"


class StoreUnreachable(StoreError):
    """The registry did not answer, or answered that it cannot, also after retries."""

    code = "registry_unreachable"


class ArtifactRefused(ArtifactError):
    """The artifact is there, but must not be served."""

    code = "artifact_refused"


class IntegrityError(ArtifactRefused):
    """A file of the artifact is missing, or is not what the manifest says."""

    code = "integrity_error"


class GoldenMismatch(ArtifactRefused):
    """The model does not reproduce the reference's answers on the golden examples."""

    code = "golden_mismatch"


class RefusedValue(Exception):  # like its siblings
    """A step of the preprocessing cannot take a value.

    Attributes:
        code: of the error that a client gets.
        index: of the instance.
        problem: with it, for the client.
        input: that has it; "" as long as nobody knows.
    """

    code: ClassVar[str]

    def __init__(self, index: int, problem: str) -> None:
        super().__init__(f"[{index}]: {problem}")
        self.index = index
        self.problem = problem
        self.input = ""


class UnknownValue(RefusedValue):
    """A value is not in a vocabulary that allows no others.

    Attributes:
        value: that is not known.
    """

    code = "unknown_value"

    def __init__(self, index: int, value: str | int, shown: str) -> None:
        super().__init__(index, f"expected a value that the model knows, got {shown}")
        self.value = value


class TooLongWord(RefusedValue):
    """The first tokens of a text depend on what is far behind them, in the same word."""

    code = "word_too_long"

    def __init__(self, index: int, most: int) -> None:
        super().__init__(
            index,
            f"expected no word, or row of spaces, of more than {most} characters, got one; only "
            "the first tokens of a text are read: send less of it",
        )


class SettingsError(Exception):
    """The environment does not describe a function that could work."""
