"""Reading a registry in a Cloud Storage bucket."""

from __future__ import annotations

import base64
import hashlib
import json
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote

from tflite_serving.artifacts.bucket_folder import BucketFolder
from tflite_serving.artifacts.connections import Answer, HttpServer, TooManyBytesError
from tflite_serving.artifacts.credentials import (
    PASSING_STATUSES,
    AnonymousCredentials,
    Credentials,
    CredentialsError,
    find_credentials,
)
from tflite_serving.artifacts.deadline import PIECE_SECONDS
from tflite_serving.artifacts.retrying import TransientError, retry
from tflite_serving.artifacts.store import StoredObject
from tflite_serving.contract import layout
from tflite_serving.errors import StoreError

T = TypeVar("T")
_STORAGE = "https://storage.googleapis.com"
_SILENCE_SECONDS = 5.0
_MESSAGE_CHARACTERS = 200


def open_bucket(
    folder: BucketFolder, environ: Mapping[str, str], warn: Callable[[str], None] = lambda _: None
) -> BucketStore:
    """Opens a registry in a bucket, without a request.

    Args:
        folder: Location of the registry.
        environ: Environment variables: STORAGE_EMULATOR_HOST, the address of a server without
            authentication, and those of `find_credentials`.
        warn: Log function; see `BucketStore`.

    Raises:
        StoreError: STORAGE_EMULATOR_HOST or GCE_METADATA_HOST is no valid address.
    """
    patience = folder.patience_seconds
    waits = min(_SILENCE_SECONDS, patience), min(PIECE_SECONDS, patience)
    emulator = environ.get("STORAGE_EMULATOR_HOST")
    try:
        credentials = AnonymousCredentials() if emulator else find_credentials(environ, *waits)
        return BucketStore(folder, HttpServer(emulator or _STORAGE, *waits), credentials, warn)
    except ValueError as error:
        name = "STORAGE_EMULATOR_HOST" if emulator else "GCE_METADATA_HOST"
        raise StoreError(f"{name}: {error}") from None


class BucketStore:
    """Reads a registry in a bucket, through the JSON API.

    Transient errors (408, 429, 5xx, lost connections, timeouts, corrupted bytes) are retried until
    the folder's `patience_seconds` are over; all others fail at once.

    Source: https://cloud.google.com/storage/docs/request-endpoints
    Source: https://cloud.google.com/storage/docs/json_api/v1/objects/get

    Args:
        folder: Location of the registry.
        server: HTTP client for Cloud Storage.
        credentials: Credentials of the reader.
        warn: Log function for a read that failed and will be retried.
    """

    def __init__(
        self,
        folder: BucketFolder,
        server: HttpServer,
        credentials: Credentials,
        warn: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._folder = folder
        self._warn = warn
        self._server = server
        self._credentials = credentials

    @property
    def uri(self) -> str:
        """The bucket and prefix as a ``gs://`` URI."""
        return self._folder.uri

    def read(self, path: str, most_bytes: int = layout.MOST_DOCUMENT_BYTES) -> StoredObject:
        """See `Store.read`."""

        def take(answer: Answer) -> StoredObject:
            data = b"".join(_unchanged(answer, most_bytes))
            return StoredObject(data, answer.headers.get("X-Goog-Generation", ""))

        try:
            return self._get(path, take)
        except TooManyBytesError:
            raise self._folder.too_large(path, most_bytes) from None

    def local(self, path: str) -> None:
        """None: no file of a bucket is on the local disk."""

    def fetch(self, path: str, destination: Path, size: int | None = None) -> None:
        """See `Store.fetch`."""
        most_bytes = sys.maxsize if size is None else size

        def take(answer: Answer) -> None:
            if size is not None and answer.length is not None and answer.length < size:
                raise self._folder.wrong_size(path, size, answer.length)
            with destination.open("wb") as file:
                file.writelines(_unchanged(answer, most_bytes))

        try:
            self._get(path, take)
        except TooManyBytesError as error:
            raise self._folder.wrong_size(path, most_bytes, error.announced) from None

    def _get(self, path: str, take: Callable[[Answer], T]) -> T:
        try:
            return retry(
                lambda: self._ask(path, take),
                self._folder.patience_seconds,
                lambda error: self._warn(self._folder.again(path, str(error))),
            )
        except TransientError as error:
            raise self._folder.unreachable(path, str(error)) from error
        except CredentialsError as error:
            raise self._folder.no_credentials(path, str(error)) from error

    def _ask(self, path: str, take: Callable[[Answer], T], *, is_renewed: bool = False) -> T:
        shown = self._credentials.headers()
        with self._server.get(self._target(path), shown) as answer:
            if answer.status == 200:
                return take(answer)
            body = answer.beginning()
        if answer.status == 401 and not is_renewed:
            self._credentials.renew(shown)
            return self._ask(path, take, is_renewed=True)
        if answer.status in PASSING_STATUSES:
            raise TransientError(str(answer.status))
        raise self._folder.refused(path, answer.status, _message(body))

    def _target(self, path: str) -> str:
        bucket = quote(self._folder.bucket, safe="")
        name = quote(self._folder.object_name(path), safe="")  # a name's slashes, too
        return f"/download/storage/v1/b/{bucket}/o/{name}?alt=media"


def _unchanged(answer: Answer, most_bytes: int) -> Iterator[bytes]:
    """The body as it comes, compared with the MD5 that storage sent, if it sent one.

    It does for everything but objects that were composed of others, which nothing here makes.

    Source: https://cloud.google.com/storage/docs/data-validation
    """
    digest = hashlib.md5(usedforsecurity=False)
    for piece in answer.pieces(most_bytes):
        digest.update(piece)
        yield piece
    expected = _md5(answer)
    if expected is not None and expected != base64.b64encode(digest.digest()).decode():
        raise TransientError("changed on its way here: the checksum differs")


def _md5(answer: Answer) -> str | None:
    """In base 64; None if there is none for the bytes that were sent.

    Source: https://cloud.google.com/storage/docs/xml-api/reference-headers#xgooghash
    """
    # What somebody stored compressed was expanded for us, and the hash is of the stored bytes.
    if answer.headers.get("X-Goog-Stored-Content-Encoding", "identity") != "identity":
        return None
    hashes = ",".join(answer.headers.get_all("X-Goog-Hash", [])).split(",")
    named = dict(one.strip().split("=", 1) for one in hashes if "=" in one)
    return named.get("md5")


def _message(body: bytes) -> str:
    """What an error's body says for people.

    Source: https://cloud.google.com/storage/docs/json_api/v1/status-codes
    """
    try:
        message = json.loads(body)["error"]["message"]
    except (ValueError, KeyError, TypeError):
        message = body.decode(errors="replace")
    return str(message)[:_MESSAGE_CHARACTERS]
