"""Reading a registry, wherever it is. The function only reads; the operator's tools write."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol
from urllib.parse import unquote

from tflite_serving.errors import StoreError

_EXPECTED = "expected gs://bucket[/prefix], file:///folder or a path"
# gs: and file: also without the slashes: whoever forgets them does not mean a path.
_SCHEME = re.compile(r"((?:gs|file)(?=:)|[a-z][a-z0-9+.-]*(?=://)):(//)?", re.IGNORECASE)
# Source: https://cloud.google.com/storage/docs/buckets#naming
_BUCKET = re.compile(r"[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]")


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
        scheme = _SCHEME.match(text)
        if scheme is None:
            return cls(folder=_folder(text, text))
        place, slash, path = text[scheme.end() :].partition("/")
        if scheme[1].lower() == "gs":
            bucket = _bucket(text, place if scheme[2] else "")
            return cls(bucket=bucket, prefix=path.strip("/"))
        if scheme[1].lower() != "file":
            raise StoreError(f"{text}: {_EXPECTED}, got the scheme {scheme[1]!r}")
        if place not in ("", "localhost") or not slash:
            raise StoreError(f"{text}: expected file:///folder")
        if "?" in path or "#" in path:
            raise StoreError(f"{text}: expected '?' as %3F and '#' as %23 in a file:// URI")
        return cls(folder=_folder(text, "/" + unquote(path)))


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


def _bucket(text: str, name: str) -> str:
    if not name:
        raise StoreError(f"{text}: expected gs://bucket[/prefix], got no bucket")
    if not _BUCKET.fullmatch(name):
        raise StoreError(
            f"{text}: expected a bucket's name (lower-case letters, digits, '-', '_', '.'), "
            f"got {name!r}"
        )
    return name


def _folder(text: str, path: str) -> Path:
    if not path:
        raise StoreError(f"{text!r}: {_EXPECTED}, got nothing")
    if "\0" in path:
        raise StoreError(f"{text!r}: expected a path, got a null character in it")
    return Path(path).absolute()
