"""Credentials for Cloud Storage: OAuth 2.0 access tokens of a Google account."""

from __future__ import annotations

import json
import math
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from typing import Any, Protocol, TypeVar

from tflite_serving.artifacts.connections import HttpServer, TooManyBytesError
from tflite_serving.artifacts.deadline import PIECE_SECONDS
from tflite_serving.artifacts.retrying import TransientError
from tflite_serving.artifacts.within import within

T = TypeVar("T")
PASSING_STATUSES = frozenset({408, 429, 500, 502, 503, 504})
"""What Google's services answer when another try may do better.

Source: https://cloud.google.com/storage/docs/retry-strategy
"""

_METADATA_HOST = "metadata.google.internal"
_TOKEN = "/computeMetadata/v1/instance/service-accounts/default/token"  # noqa: S105  # a path
# The metadata server hands out the same token until four minutes before its end; google-auth
# asks for the next one just after that, too.
_RENEWED_BEFORE_END_SECONDS = 225.0
_GOOGLE_AUTH_SECONDS = 30.0  # it looks in several places, and tries again
_SCOPE = "https://www.googleapis.com/auth/devstorage.read_only"


class CredentialsError(Exception):
    """There are no credentials, or they are no longer valid; trying again will not help."""


class Credentials(Protocol):
    """Authorization headers of an account; thread-safe."""

    def headers(self) -> Mapping[str, str]:
        """Headers for the next request.

        Raises:
            TransientError: The server that issues tokens does not respond.
            CredentialsError: There are no valid credentials.
        """

    def renew(self, refused: Mapping[str, str]) -> None:
        """Invalidates these headers, which the server rejected, so that the next ones differ."""


def find_credentials(
    environ: Mapping[str, str], silence_seconds: float, piece_seconds: float = PIECE_SECONDS
) -> Credentials:
    """Finds credentials in the places and the order of Google's libraries (ADC).

    Explicit ones come before those of the metadata server. On Cloud Run, which has no others
    unless GOOGLE_APPLICATION_CREDENTIALS is set, the metadata server is queried without
    google-auth, whose import takes a fifth of a second. No request is sent yet.

    Source: https://cloud.google.com/docs/authentication/application-default-credentials
    Source: https://cloud.google.com/run/docs/container-contract#env-vars

    Args:
        environ: Environment variables: K_SERVICE, GOOGLE_APPLICATION_CREDENTIALS and
            GCE_METADATA_HOST.
        silence_seconds: Timeout for the connection to the metadata server, and for any byte of its
            response.
        piece_seconds: Time limit for its whole response.

    Raises:
        ValueError: GCE_METADATA_HOST is no valid host.
    """
    if environ.get("K_SERVICE") and not environ.get("GOOGLE_APPLICATION_CREDENTIALS"):
        host = environ.get("GCE_METADATA_HOST") or _METADATA_HOST
        return MetadataServer(HttpServer(f"http://{host}", silence_seconds, piece_seconds))
    return ApplicationDefault()


class AnonymousCredentials:
    """No credentials, for a server without authentication, such as an emulator."""

    def headers(self) -> dict[str, str]:
        """No headers."""
        return {}

    def renew(self, refused: Mapping[str, str]) -> None:
        """There is nothing to renew."""


class MetadataServer:
    """Tokens of the machine's service account, from the metadata server.

    Source: https://cloud.google.com/compute/docs/access/authenticate-workloads#applications

    Args:
        server: HTTP client for the metadata server.
        clock: Monotonic clock, in seconds.
    """

    def __init__(self, server: HttpServer, clock: Callable[[], float] = time.monotonic) -> None:
        self._server = server
        self._clock = clock
        self._lock = threading.Lock()
        self._headers: dict[str, str] = {}
        self._renew_at = -math.inf

    def headers(self) -> Mapping[str, str]:
        """The token, renewed shortly before it expires; see `Credentials.headers`."""
        with self._lock:
            if self._clock() >= self._renew_at:
                token, seconds = self._ask()
                self._headers = {"Authorization": f"Bearer {token}"}
                self._renew_at = self._clock() + seconds - _RENEWED_BEFORE_END_SECONDS
            return self._headers

    def renew(self, refused: Mapping[str, str]) -> None:
        """See `Credentials.renew`; another thread may have done it already."""
        with self._lock:
            if self._headers == refused:
                self._renew_at = -math.inf

    def _ask(self) -> tuple[str, float]:
        """A token, and for how many seconds it is good."""
        try:
            with self._server.get(_TOKEN, {"Metadata-Flavor": "Google"}) as answer:
                body = answer.read()
        except TransientError as error:
            raise TransientError(f"metadata server: {error}") from error
        except TooManyBytesError:
            raise CredentialsError("the metadata server's answer is too long for a token") from None
        if answer.status in PASSING_STATUSES:
            raise TransientError(f"metadata server: {answer.status}")
        if answer.status != 200:
            raise CredentialsError(f"the metadata server answered {answer.status}")
        try:
            document = json.loads(body)
            return str(document["access_token"]), float(document["expires_in"])
        except (ValueError, KeyError, TypeError):
            # Without the cause: it might quote the token.
            raise CredentialsError("the metadata server's answer is no token") from None


class ApplicationDefault:
    """Credentials that google-auth finds: a key file, gcloud's login, another cloud's identity.

    Args:
        seconds: Time limit for google-auth to get a token; its own timeouts limit single reads
            alone.
    """

    def __init__(self, seconds: float = _GOOGLE_AUTH_SECONDS) -> None:
        self._seconds = seconds
        self._account = _Account()

    def headers(self) -> Mapping[str, str]:
        """See `Credentials.headers`; google-auth renews the token before it expires."""
        return self._in_time(self._account.headers)

    def renew(self, refused: Mapping[str, str]) -> None:
        """See `Credentials.renew`."""
        account = self._account
        self._in_time(lambda: account.renew(refused))

    def _in_time(self, call: Callable[[], T]) -> T:
        try:
            return within(self._seconds, call)
        except TimeoutError:
            # The call that goes on has the account's lock, perhaps for ever.
            self._account = _Account()
            raise TransientError(f"google-auth: no token within {self._seconds:g} s") from None


class _Account:
    """An account that google-auth finds when it is first asked for; one thread at a time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()

    def headers(self) -> dict[str, str]:
        headers: dict[str, str] = {}
        with self._lock, _errors():
            account, request = self._found
            account.before_request(request, "GET", "https://storage.googleapis.com/", headers)
        return headers

    def renew(self, refused: Mapping[str, str]) -> None:
        with self._lock, _errors():
            account, request = self._found
            present: dict[str, str] = {}
            account.apply(present)
            if present.items() <= refused.items():  # else another thread has renewed them
                account.refresh(request)

    @cached_property
    def _found(self) -> tuple[Any, Any]:
        import google.auth.transport.requests

        account, _ = google.auth.default(scopes=[_SCOPE])
        return account, google.auth.transport.requests.Request()


@contextmanager
def _errors() -> Iterator[None]:
    from google.auth import exceptions

    try:
        yield
    except exceptions.GoogleAuthError as error:
        if error.retryable or isinstance(error, exceptions.TransportError):
            raise TransientError(type(error).__name__) from error
        raise CredentialsError(str(error.args[0] if error.args else error)) from error
