"""A registry in a folder: for a laptop, for tests, and for a model inside the bundle."""

from __future__ import annotations

import hashlib
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tflite_serving.artifacts.store import StoredObject
from tflite_serving.contract import layout
from tflite_serving.errors import (
    AccessDenied,
    IntegrityError,
    ObjectNotFound,
    ObjectTooLarge,
    StoreError,
    StoreUnreachable,
)


class FolderStore:
    """Reads a registry in a folder.

    Args:
        root: Root folder of the registry; it need not exist yet.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    @property
    def uri(self) -> str:
        """The folder as a ``file://`` URI."""
        return self.root.as_uri()

    def read(self, path: str, most_bytes: int = layout.MOST_DOCUMENT_BYTES) -> StoredObject:
        """See `Store.read`; the generation of a file is its sha256."""
        with self.errors(path):
            size = self._size(path)
            if size > most_bytes:
                raise ObjectTooLarge(
                    f"{self.uri}/{path}: expected at most {most_bytes} bytes, got {size}; "
                    "something else was written there"
                )
            data = (self.root / path).read_bytes()
        return StoredObject(data, hashlib.sha256(data).hexdigest())

    def local(self, path: str) -> Path:
        """The file's own path: a folder is local already, and nothing is copied."""
        return self.root / path

    def fetch(self, path: str, destination: Path, size: int | None = None) -> None:
        """See `Store.fetch`."""
        with self.errors(path):
            got = self._size(path)
            if size not in (None, got):
                raise IntegrityError(f"{self.uri}/{path}: expected {size} bytes, got {got}")
            shutil.copyfile(self.root / path, destination)

    def _size(self, path: str) -> int:
        """The size of a file; what has no end, a pipe or a device, is none and is not opened."""
        status = (self.root / path).stat()
        if stat.S_ISDIR(status.st_mode):
            raise IsADirectoryError(path)
        if not stat.S_ISREG(status.st_mode):
            raise StoreError(
                f"{self.uri}/{path}: expected a file, got a pipe or device "
                f"({stat.filemode(status.st_mode)})"
            )
        return status.st_size

    @contextmanager
    def errors(self, path: str) -> Iterator[None]:
        """Turns the file system's errors into the store's, naming the file."""
        where = f"{self.uri}/{path}"
        try:
            yield
        except (FileNotFoundError, IsADirectoryError):
            raise ObjectNotFound(f"{where}: there is no such file") from None
        except (FileExistsError, NotADirectoryError):
            raise ObjectNotFound(f"{where}: a file is where a folder should be") from None
        except PermissionError:
            raise AccessDenied(f"{where}: permission denied; check who owns the folder") from None
        except OSError as error:
            raise StoreUnreachable(f"{where}: {error.strerror or error}") from error
