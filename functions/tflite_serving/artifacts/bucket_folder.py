"""Location of a registry in a bucket: object names, and the errors that name them."""

from __future__ import annotations

from dataclasses import dataclass

from tflite_serving.errors import (
    AccessDenied,
    IntegrityError,
    ObjectNotFound,
    ObjectTooLarge,
    StoreError,
    StoreUnreachable,
)


@dataclass(frozen=True, slots=True)
class BucketFolder:
    """Location of a registry in a bucket.

    Attributes:
        bucket: Name of the bucket.
        prefix: Prefix of all object names, without leading or trailing slash.
        patience_seconds: Time for which requests are retried before the registry counts as
            unreachable.
    """

    bucket: str
    prefix: str
    patience_seconds: float

    @property
    def uri(self) -> str:
        """The bucket and prefix as a ``gs://`` URI."""
        return f"gs://{self.bucket}/{self.prefix}".rstrip("/")

    def object_name(self, path: str) -> str:
        """The name, in the bucket, of the object at `path` of the registry."""
        return f"{self.prefix}/{path}" if self.prefix else path

    def refused(self, path: str, status: int, message: str) -> StoreError:
        """Error for an HTTP status that is not transient."""
        where = self._where(path)
        if status == 404:
            return ObjectNotFound(f"{where}: there is no such object or bucket")
        if status in (401, 403):
            return AccessDenied(
                f"{where}: access denied ({status}); the identity needs "
                "roles/storage.objectViewer to read, roles/storage.objectUser to publish"
            )
        return StoreError(f"{where}: {status} {message}".rstrip())

    def too_large(self, path: str, most_bytes: int) -> StoreError:
        """Error for an object that is larger than its kind may be."""
        return ObjectTooLarge(
            f"{self._where(path)}: expected at most {most_bytes} bytes, got more; something else "
            "was written there, or answers for the registry"
        )

    def wrong_size(self, path: str, size: int, got: int | None) -> IntegrityError:
        """Error for an object whose size differs from the manifest's."""
        return IntegrityError(
            f"{self._where(path)}: expected {size} bytes, got {'more' if got is None else got}"
        )

    def again(self, path: str, cause: str) -> str:
        """Log message for a read that failed and will be retried."""
        return f"{self._where(path)}: not read ({cause}); it is tried again"

    def unreachable(self, path: str, cause: str) -> StoreUnreachable:
        """Error for storage that did not respond within `patience_seconds`."""
        return StoreUnreachable(
            f"{self._where(path)}: no answer within {self.patience_seconds:g} s ({cause})"
        )

    def no_credentials(self, path: str, reason: str) -> AccessDenied:
        """Error for missing or invalid credentials."""
        return AccessDenied(
            f"{self._where(path)}: no valid Google credentials ({reason}); "
            "run `gcloud auth application-default login`, or check the service account"
        )

    def _where(self, path: str) -> str:
        return f"{self.uri}/{path}".rstrip("/")
