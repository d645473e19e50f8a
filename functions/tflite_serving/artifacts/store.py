"""Reading a registry, wherever it is. The function only reads; the operator's tools write."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol
from urllib.parse import unquote, urlsplit

from tflite_serving.errors import StoreError


@dataclass(frozen=True, slots=True)
class StoredObject:
    """A file of the registry, as it was read.

    Attributes:
        data: its content.
        generation: differs whenever the content was replaced.
    """

    data: bytes
    generation: str


class Store(Protocol):
    """A place that holds files by path. Every method raises `StoreError` and its kinds."""

    @property
    def uri(self) -> str:
        """What people call it, such as ``gs://bucket/prefix``."""

    def read(self, path: str) -> StoredObject:
        """One small file, whole."""

    def local(self, path: str) -> Path | None:
        """Where the file is on this disk already; None if it must be fetched."""

    def fetch(self, path: str, destination: Path) -> None:
        """Copies one file to `destination` on local disk."""


@dataclass(frozen=True, slots=True)
class RegistryUri:
    """A registry's address: a folder, or a bucket with a prefix."""

    folder: Path | None = None
    bucket: str | None = None
    prefix: str = ""

    @classmethod
    def parse(cls, text: str) -> RegistryUri:
        """Reads ``gs://bucket[/prefix]``, ``file:///folder`` or a plain path.

        Raises:
            StoreError: the text is none of these.
        """
        parts = urlsplit(text)
        if parts.scheme == "gs":
            if not parts.netloc:
                raise StoreError(f"{text}: expected gs://bucket[/prefix], got no bucket")
            return cls(bucket=parts.netloc, prefix=parts.path.strip("/"))
        if parts.scheme == "file":
            if parts.netloc not in ("", "localhost") or not parts.path:
                raise StoreError(f"{text}: expected file:///folder")
            return cls(folder=Path(unquote(parts.path)))
        if "://" in text:
            raise StoreError(
                f"{text}: expected gs://bucket[/prefix], file:///folder or a path, "
                f"got the scheme {parts.scheme!r}"
            )
        return cls(folder=Path(text).absolute())


def open_store(uri: str, patience_seconds: float = 20.0) -> Store:
    """Opens a registry for reading. Nothing is asked of a bucket until something is read.

    Args:
        uri: see `RegistryUri.parse`.
        patience_seconds: how long to retry a registry that does not answer.
    """
    address = RegistryUri.parse(uri)
    if address.bucket is None:
        from tflite_serving.artifacts.folder import FolderStore

        assert address.folder is not None
        return FolderStore(address.folder)
    # Google's client takes a third of a second to import: only those who use a bucket pay.
    from tflite_serving.artifacts.bucket import BucketStore

    return BucketStore(address.bucket, address.prefix, patience_seconds)
