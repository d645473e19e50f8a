"""Read-only interface of a registry, implemented for folders and buckets."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from tflite_serving.contract import layout


@dataclass(frozen=True, slots=True)
class StoredObject:
    """Content of a file of the registry.

    Attributes:
        data: Content of the file.
        generation: Version of the content, which differs whenever it was replaced.
    """

    data: bytes
    generation: str


class Store(Protocol):
    """A readable tree of files. Every method raises `StoreError` and its subclasses."""

    @property
    def uri(self) -> str:
        """What people call it, such as ``gs://bucket/prefix``."""

    def read(self, path: str, most_bytes: int = layout.MOST_DOCUMENT_BYTES) -> StoredObject:
        """Content of one small file.

        Raises:
            ObjectTooLarge: The file is larger than `most_bytes`; reading stops as soon as that is
                known.
        """

    def local(self, path: str) -> Path | None:
        """Path of the file on the local disk; None if it must be fetched."""

    def fetch(self, path: str, destination: Path, size: int | None = None) -> None:
        """Copies one file to `destination` on local disk.

        Args:
            path: Path of the file in the registry.
            destination: Path of the local file to write.
            size: Size of the file in bytes, from the manifest; None if unknown.

        Raises:
            IntegrityError: The file is longer than `size`, or announces another size; at most
                `size` bytes are written.
        """
