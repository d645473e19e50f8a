"""Interface of a writable registry, implemented for folders and buckets."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from tflite_serving.artifacts.store import StoredObject
from tflite_serving.contract import layout


class WritableStore(Protocol):
    """What operators read and write, with two promises: see `create` and `replace`.

    Methods raise `StoreError` and its kinds, and `ConflictError`.
    """

    @property
    def uri(self) -> str:
        """What people call it, such as ``gs://bucket/prefix``."""

    def read(self, path: str, most_bytes: int = layout.MOST_DOCUMENT_BYTES) -> StoredObject:
        """One file, whole.

        Raises:
            ObjectTooLarge: it is larger than `most_bytes`; no more of it is kept than shows that.
        """

    def folders(self, path: str) -> list[str]:
        """Names of the folders directly below `path`, sorted; none if it is not there."""

    def files(self, path: str) -> list[str]:
        """Names of the files directly below `path`, sorted; none if it is not there."""

    def create(self, path: str, source: Path) -> None:
        """Copies a local file to `path`, whole or not at all, only if nothing is there.

        The same content there already counts as done: a retry after a lost answer must not fail.

        Raises:
            ConflictError: something else is there; it is left as it is.
        """

    def replace(self, path: str, data: bytes, generation: str | None) -> None:
        """Writes a file, only if it is still of `generation` (None: only if there is none).

        Raises:
            ConflictError: it was changed meanwhile, and is left as it is.
        """
