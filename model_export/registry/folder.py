"""Writes to a registry in a folder, with the guarantees of a bucket: atomic, conditional writes."""

from __future__ import annotations

import fcntl
import filecmp
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from model_export.errors import ConflictError
from tflite_serving.artifacts.folder import FolderStore
from tflite_serving.errors import ObjectNotFound

# Readers and listings pass over names that start like this.
_TEMPORARY = ".writing-"


class WritableFolder(FolderStore):
    """A registry in a folder.

    A file appears by a link or a rename, so a reader sees all of it or nothing, and a writer that
    is killed leaves at most a temporary file that nobody looks at.
    """

    def folders(self, path: str) -> list[str]:
        """See `WritableStore.folders`."""
        return [entry.name for entry in self._entries(path) if entry.is_dir()]

    def files(self, path: str) -> list[str]:
        """See `WritableStore.files`."""
        return [entry.name for entry in self._entries(path) if entry.is_file()]

    def create(self, path: str, source: Path) -> None:
        """See `WritableStore.create`."""
        target = self.root / path
        with self.errors(path), self._temporary(target) as temporary:
            shutil.copyfile(source, temporary)
            _flush(temporary)
            try:
                os.link(temporary, target)
            except FileExistsError:
                if not filecmp.cmp(source, target, shallow=False):
                    raise ConflictError(
                        f"{self.uri}/{path}: something else is there already; "
                        "versions are never changed"
                    ) from None

    def replace(self, path: str, data: bytes, generation: str | None) -> None:
        """See `WritableStore.replace`."""
        target = self.root / path
        with self.errors(path), self._temporary(target) as temporary:
            temporary.write_bytes(data)
            _flush(temporary)
            with self._lock(target):
                try:
                    present = self.read(path).generation
                except ObjectNotFound:
                    present = None
                if present != generation:
                    raise ConflictError(
                        f"{self.uri}/{path}: somebody else changed it meanwhile; look, and try "
                        "again"
                    )
                temporary.replace(target)

    def _entries(self, path: str) -> list[Path]:
        with self.errors(path):
            try:
                entries = sorted((self.root / path).iterdir())
            except FileNotFoundError:
                return []
        return [entry for entry in entries if not entry.name.startswith(".")]

    @contextmanager
    def _temporary(self, target: Path) -> Iterator[Path]:
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = target.with_name(f"{_TEMPORARY}{uuid.uuid4().hex}")
        # Not tempfile, which makes files private: the function may run as somebody else.
        temporary.touch(exist_ok=False)
        try:
            yield temporary
        finally:
            temporary.unlink(missing_ok=True)

    @contextmanager
    def _lock(self, target: Path) -> Iterator[None]:
        """Holds off other operators between looking and replacing; freed when a process dies."""
        with (target.parent / f".{target.name}.lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def _flush(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())
