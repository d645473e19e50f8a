"""A registry in a folder: for a laptop, for tests, and for a model inside the bundle."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tflite_serving.artifacts.store import StoredObject
from tflite_serving.errors import AccessDenied, ObjectNotFound, StoreUnreachable


class FolderStore:
    """Reads a registry in a folder.

    Args:
        root: the folder; it need not exist yet.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    @property
    def uri(self) -> str:
        """The folder as a ``file://`` URI."""
        return self.root.as_uri()

    def read(self, path: str) -> StoredObject:
        """One file, whole; its generation is its sha256."""
        with self.errors(path):
            data = (self.root / path).read_bytes()
        return StoredObject(data, hashlib.sha256(data).hexdigest())

    def local(self, path: str) -> Path:
        """The file's own path: a folder is local already, and nothing is copied."""
        return self.root / path

    def fetch(self, path: str, destination: Path) -> None:
        """Copies one file to `destination`."""
        with self.errors(path):
            shutil.copyfile(self.root / path, destination)

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
