"""Reading a registry, wherever it is. The function only reads; the operator's tools write."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


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
