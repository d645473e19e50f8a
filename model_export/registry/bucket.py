"""Writing to a registry in a Cloud Storage bucket."""

from __future__ import annotations

from pathlib import Path

from google.api_core import exceptions

from model_export.errors import ConflictError
from tflite_serving.artifacts.bucket import BucketStore
from tflite_serving.errors import ObjectNotFound


class WritableBucket(BucketStore):
    """A registry in a bucket; `if_generation_match` gives its promises.

    Source: https://cloud.google.com/storage/docs/request-preconditions
    """

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
        if not self._write(path, data, 0) and self.read(path).data != data:
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

    def _write(self, path: str, data: bytes, generation: int) -> bool:
        """Whether it was written: it is not when the object is of another generation."""
        with self.errors(path):
            try:
                self.blob(path).upload_from_string(
                    data,
                    content_type=_content_type(path),
                    if_generation_match=generation,
                    timeout=self.timeout,
                    retry=self.retry,
                )
            except exceptions.PreconditionFailed:
                return False
            except exceptions.NotFound:
                if not generation:
                    raise  # no such bucket
                return False
        return True

    def _below(self, path: str) -> tuple[list[str], list[str]]:
        prefix = f"{self.blob(path).name}/"
        with self.errors(path):
            listing = self.bucket.list_blobs(
                prefix=prefix, delimiter="/", timeout=self.timeout, retry=self.retry
            )
            files = [blob.name.removeprefix(prefix) for blob in listing]
            # The listing knows its folders only once it was read to the end.
            folders = [name.removeprefix(prefix).rstrip("/") for name in listing.prefixes]
        return sorted(folders), sorted(name for name in files if name)


def _content_type(path: str) -> str:
    types = {".json": "application/json", ".html": "text/html; charset=utf-8"}
    return types.get(Path(path).suffix, "application/octet-stream")
