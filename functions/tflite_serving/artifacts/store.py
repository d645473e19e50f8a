"""Read-only interface of a registry, implemented for folders and buckets."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from tflite_serving.contract import layout


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

    def read(self, path: str, most_bytes: int = layout.MOST_DOCUMENT_BYTES) -> StoredObject:
        """One small file, whole.

        Raises:
            ObjectTooLarge: it is larger than `most_bytes`; no more of it is read than shows that.
        """

    def local(self, path: str) -> Path | None:
        """Where the file is on this disk already; None if it must be fetched."""

    def fetch(self, path: str, destination: Path, size: int | None = None) -> None:
        """Copies one file to `destination` on local disk.

        Args:
            path: of the file.
            destination: is written.
            size: of the file in bytes, as the manifest has it; None where there is none.

        Raises:
            IntegrityError: it is longer, or says that it has another size; no more of it is
                written than `size`.
        """
