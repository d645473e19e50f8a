"""A registry in a Cloud Storage bucket."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path

import google.auth.exceptions
import requests
from google.api_core import exceptions
from google.api_core.retry import Retry
from google.cloud import storage
from google.cloud.storage.exceptions import DataCorruption, InvalidResponse
from google.cloud.storage.retry import DEFAULT_RETRY

from tflite_serving.artifacts.store import StoredObject
from tflite_serving.errors import AccessDenied, ObjectNotFound, StoreError, StoreUnreachable

_CONNECT_SECONDS = 5.0
_FIRST_DELAY_SECONDS = 0.25
_UNREACHABLE = (
    exceptions.RetryError,
    exceptions.ServerError,
    exceptions.TooManyRequests,
    google.auth.exceptions.TimeoutError,
    google.auth.exceptions.TransportError,
    requests.RequestException,
    ConnectionError,
    TimeoutError,
)


class BucketStore:
    """Reads a registry in a bucket.

    What the client library counts as passing (429, 5xx, lost connections) is retried with
    exponential backoff until `patience_seconds` are over; the rest fails at once.

    Args:
        bucket: its name.
        prefix: of every object, without slashes around it.
        patience_seconds: how long to retry, and to wait for a silent server.
    """

    def __init__(self, bucket: str, prefix: str, patience_seconds: float) -> None:
        self._name = bucket
        self._prefix = f"{prefix}/" if prefix else ""
        self._patience_seconds = patience_seconds

    @property
    def uri(self) -> str:
        """The bucket and prefix as a ``gs://`` URI."""
        return f"gs://{self._name}/{self._prefix}".rstrip("/")

    @property
    def timeout(self) -> tuple[float, float]:
        """Seconds to connect, and to wait for each piece of an answer."""
        return min(_CONNECT_SECONDS, self._patience_seconds), self._patience_seconds

    @property
    def retry(self) -> Retry:
        """Backoff within the patience."""
        # The client gives up when the next delay would end after the patience: with short delays
        # it gives up near the end, not in the middle.
        return Retry(
            predicate=DEFAULT_RETRY._predicate,  # noqa: SLF001  # what passes, the client knows
            initial=_FIRST_DELAY_SECONDS,
            maximum=self._patience_seconds / 8,
            timeout=self._patience_seconds,
            on_error=_hang_up,
        )

    @cached_property
    def bucket(self) -> storage.Bucket:
        """The client library's bucket; made on first use, because it looks for credentials."""
        with self.errors(""):
            client = storage.Client(project=None)  # objects need no project, and not all have one
            # Else it asks for the bucket's metadata beside the first request, for traces that
            # nobody records, with retries of its own and a permission that readers lack.
            client._bucket_metadata_cache = None  # noqa: SLF001
            return client.bucket(self._name)

    def blob(self, path: str) -> storage.Blob:
        """The client library's object at `path` of the registry."""
        return self.bucket.blob(self._prefix + path)

    def read(self, path: str) -> StoredObject:
        """One object, whole, with its generation."""
        blob = self.blob(path)
        with self.errors(path):
            data = blob.download_as_bytes(timeout=self.timeout, retry=self.retry)
        return StoredObject(data, str(blob.generation))

    def local(self, path: str) -> None:
        """Nothing of a bucket is on this disk."""

    def fetch(self, path: str, destination: Path) -> None:
        """Downloads one object to `destination`."""
        with self.errors(path):
            self.blob(path).download_to_filename(
                str(destination), timeout=self.timeout, retry=self.retry
            )

    @contextmanager
    def errors(self, path: str) -> Iterator[None]:
        """Turns the client library's errors into the store's, naming the object."""
        where = f"{self.uri}/{path}".rstrip("/")
        try:
            yield
        except exceptions.NotFound:
            raise ObjectNotFound(f"{where}: there is no such object or bucket") from None
        except (exceptions.Forbidden, exceptions.Unauthorized) as error:
            raise AccessDenied(
                f"{where}: access denied ({error.code}); the identity needs "
                "roles/storage.objectViewer to read, roles/storage.objectUser to publish"
            ) from None
        except _UNREACHABLE as error:
            raise StoreUnreachable(
                f"{where}: no answer within {self._patience_seconds:g} s ({_cause(error)})"
            ) from error
        except google.auth.exceptions.GoogleAuthError as error:
            raise AccessDenied(
                f"{where}: no valid Google credentials ({error.args[0] if error.args else error}); "
                "run `gcloud auth application-default login`, or check the service account"
            ) from error
        except DataCorruption as error:
            raise StoreUnreachable(
                f"{where}: changed on its way here (the checksum differs); try again"
            ) from error
        except exceptions.GoogleAPICallError as error:
            raise StoreError(f"{where}: {error.code} {error.message}") from error


def _hang_up(error: Exception) -> None:
    """Frees the connection of an answer that is not read, which the client forgets to."""
    if isinstance(error, InvalidResponse):
        error.response.close()


def _cause(error: BaseException) -> str:
    cause = getattr(error, "cause", None) or error
    response = getattr(cause, "response", None)
    code = getattr(cause, "code", None) or getattr(response, "status_code", None)
    return f"{type(cause).__name__} {code}" if code else type(cause).__name__
