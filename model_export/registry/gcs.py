"""Reads and writes a registry in a Cloud Storage bucket."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

import google.auth.exceptions
import requests
from google.api_core import exceptions
from google.api_core.retry import Retry
from google.cloud import storage
from google.cloud.storage.exceptions import DataCorruption, InvalidResponse
from google.cloud.storage.retry import DEFAULT_RETRY

from model_export.errors import ConflictError
from tflite_serving.artifacts.bucket_folder import BucketFolder
from tflite_serving.artifacts.connections import TooManyBytesError
from tflite_serving.artifacts.deadline import PIECE_SECONDS
from tflite_serving.artifacts.store import StoredObject
from tflite_serving.artifacts.within import within
from tflite_serving.contract import layout
from tflite_serving.errors import ObjectNotFound, ObjectTooLarge

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


class WritableBucket:
    """A registry in a bucket; `if_generation_match` gives its promises.

    Through Google's client, in reading too: an operator's machine has proxies, certificates and
    logins that it knows of. The function's own reader is for the cold start. What passes (429,
    5xx, lost connections) is tried again with exponential backoff until the folder's patience is
    over; the rest fails at once.

    Source: https://cloud.google.com/storage/docs/request-preconditions

    Args:
        folder: where the registry is.
        piece_seconds: how long each mebibyte may take, beside the patience.
    """

    def __init__(self, folder: BucketFolder, piece_seconds: float = PIECE_SECONDS) -> None:
        self._folder = folder
        self._piece_seconds = piece_seconds
        patience = folder.patience_seconds
        # To connect, and to wait for each piece of an answer.
        self._timeout = (min(_CONNECT_SECONDS, patience), patience)
        # The client gives up when the next delay would end after the patience: with short delays
        # it gives up near the end, not in the middle.
        self._retry = Retry(
            predicate=DEFAULT_RETRY._predicate,  # noqa: SLF001  # what passes, the client knows
            initial=_FIRST_DELAY_SECONDS,
            maximum=patience / 8,
            timeout=patience,
            on_error=_hang_up,
        )

    @property
    def uri(self) -> str:
        """The bucket and prefix as a ``gs://`` URI."""
        return self._folder.uri

    def read(self, path: str, most_bytes: int = layout.MOST_DOCUMENT_BYTES) -> StoredObject:
        """See `WritableStore.read`."""
        blob, data = self._blob(path), _Limited(most_bytes)
        with self._errors(path):
            try:
                within(
                    self._seconds(most_bytes),
                    lambda: blob.download_to_file(data, timeout=self._timeout, retry=self._retry),
                )
            except TooManyBytesError:
                raise self._folder.too_large(path, most_bytes) from None
        return StoredObject(data.getvalue(), str(blob.generation))

    def folders(self, path: str) -> list[str]:
        """See `WritableStore.folders`."""
        return self._below(path)[0]

    def files(self, path: str) -> list[str]:
        """See `WritableStore.files`."""
        return self._below(path)[1]

    def create(self, path: str, source: Path) -> None:
        """See `WritableStore.create`."""
        data = source.read_bytes()
        # What is there may be ours: an earlier try arrived, and only its answer was lost.
        if not self._write(path, data, 0) and not self._holds(path, data):
            raise ConflictError(
                f"{self.uri}/{path}: something else is there already; versions are never changed"
            )

    def replace(self, path: str, data: bytes, generation: str | None) -> None:
        """See `WritableStore.replace`."""
        if self._write(path, data, int(generation or 0)):
            return
        try:
            present: bytes | None = self.read(path).data
        except ObjectNotFound:
            present = None
        if present != data:
            raise ConflictError(
                f"{self.uri}/{path}: somebody else changed it meanwhile; look, and try again"
            )

    def _holds(self, path: str, data: bytes) -> bool:
        try:
            return self.read(path, len(data)).data == data
        except ObjectTooLarge:
            return False

    def _write(self, path: str, data: bytes, generation: int) -> bool:
        """Whether it was written: it is not when the object is of another generation."""
        blob = self._blob(path)
        with self._errors(path):
            try:
                within(
                    self._seconds(len(data)),
                    lambda: blob.upload_from_string(
                        data,
                        content_type=_content_type(path),
                        if_generation_match=generation,
                        timeout=self._timeout,
                        retry=self._retry,
                    ),
                )
            except exceptions.PreconditionFailed:
                return False
            except exceptions.NotFound:
                if not generation:
                    raise  # no such bucket
                return False
        return True

    def _below(self, path: str) -> tuple[list[str], list[str]]:
        prefix = f"{self._folder.object_name(path)}/"
        with self._errors(path):
            listing = self._bucket.list_blobs(
                prefix=prefix, delimiter="/", timeout=self._timeout, retry=self._retry
            )
            blobs = within(self._seconds(0), lambda: list(listing))
            files = [blob.name.removeprefix(prefix) for blob in blobs]
            # The listing knows its folders only once it was read to the end.
            folders = [name.removeprefix(prefix).rstrip("/") for name in listing.prefixes]
        return sorted(folders), sorted(name for name in files if name)

    def _seconds(self, size: int) -> float:
        """How long all tries of a request may take together, for so many bytes."""
        return self._folder.patience_seconds + self._piece_seconds * (1 + size / 2**20)

    def _blob(self, path: str) -> storage.Blob:
        with self._errors(path):
            return self._bucket.blob(self._folder.object_name(path))

    @cached_property
    def _bucket(self) -> storage.Bucket:
        """Made on first use, because the client looks for credentials."""
        client = storage.Client(project=None)  # objects need no project, and not all have one
        # Else it asks for the bucket's metadata beside the first request, for traces that
        # nobody records, with retries of its own and a permission that readers lack.
        client._bucket_metadata_cache = None  # noqa: SLF001
        return client.bucket(self._folder.bucket)

    @contextmanager
    def _errors(self, path: str) -> Iterator[None]:
        """Turns the client's errors into the store's, naming the object."""
        try:
            yield
        except _UNREACHABLE as error:
            raise self._folder.unreachable(path, _cause(error)) from error
        except DataCorruption as error:
            raise self._folder.unreachable(path, "the checksum differs") from error
        except google.auth.exceptions.GoogleAuthError as error:
            reason = str(error.args[0] if error.args else error)
            raise self._folder.no_credentials(path, reason) from error
        except exceptions.GoogleAPICallError as error:
            raise self._folder.refused(path, error.code or 500, error.message) from error


class _Limited(io.BytesIO):
    """Bytes, not more than so many."""

    def __init__(self, most_bytes: int) -> None:
        super().__init__()
        self._most_bytes = most_bytes

    def write(self, data: Any, /) -> int:
        written = super().write(data)
        if self.tell() > self._most_bytes:
            raise TooManyBytesError(None)
        return written


def _hang_up(error: Exception) -> None:
    """Frees the connection of an answer that is not read, which the client forgets to."""
    if isinstance(error, InvalidResponse):
        error.response.close()


def _cause(error: BaseException) -> str:
    cause = getattr(error, "cause", None) or error
    response = getattr(cause, "response", None)
    code = getattr(cause, "code", None) or getattr(response, "status_code", None)
    return f"{type(cause).__name__} {code}" if code else type(cause).__name__


def _content_type(path: str) -> str:
    types = {".json": "application/json", ".html": "text/html; charset=utf-8"}
    return types.get(Path(path).suffix, "application/octet-stream")
