from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import pytest

from tflite_serving.artifacts.folder import FolderStore
from tflite_serving.errors import AccessDenied, ObjectNotFound, StoreError, StoreUnreachable

PATH = "models/iris/aliases/production.json"


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    (tmp_path / PATH).parent.mkdir(parents=True)
    (tmp_path / PATH).write_bytes(b"there")
    return FolderStore(tmp_path)


def failing(code: int) -> Callable[..., NoReturn]:
    def fail(*_: Any, **__: Any) -> NoReturn:
        raise OSError(code, os.strerror(code))

    return fail


def test_a_file_is_read_whole(store: FolderStore, tmp_path: Path) -> None:
    assert store.read(PATH).data == b"there"
    assert store.local(PATH) == tmp_path / PATH


def test_a_file_is_copied_when_asked(store: FolderStore, tmp_path: Path) -> None:
    store.fetch(PATH, tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == b"there"


@pytest.mark.parametrize("path", ["models/wine/aliases/production.json", "models/iris/aliases"])
def test_a_file_that_is_not_there_is_not_found_by_name(
    store: FolderStore, tmp_path: Path, path: str
) -> None:
    with pytest.raises(ObjectNotFound, match="no such file") as caught:
        store.read(path)
    assert f"{tmp_path.as_uri()}/{path}" in str(caught.value)


def test_a_registry_that_is_not_there_has_no_files(tmp_path: Path) -> None:
    with pytest.raises(ObjectNotFound, match="no such file"):
        FolderStore(tmp_path / "nowhere").read(PATH)


def test_a_file_where_a_folder_should_be_is_told(store: FolderStore, tmp_path: Path) -> None:
    with pytest.raises(ObjectNotFound, match="a file is where a folder should be"):
        store.read(f"{PATH}/more")
    with pytest.raises(ObjectNotFound, match="a file is where a folder should be"):
        FolderStore(tmp_path / PATH).fetch(PATH, tmp_path / "copy")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_folder_without_permission_is_told(store: FolderStore, tmp_path: Path) -> None:
    folder = (tmp_path / PATH).parent
    folder.chmod(0)
    try:
        with pytest.raises(AccessDenied, match="permission denied"):
            store.read(PATH)
    finally:
        folder.chmod(0o700)


@pytest.mark.parametrize(
    ("code", "kind", "message"),
    [
        (errno.EACCES, AccessDenied, "permission denied; check who owns the folder"),
        (errno.EPERM, AccessDenied, "permission denied; check who owns the folder"),
        (errno.EIO, StoreUnreachable, "Input/output error"),
        (errno.ESTALE, StoreUnreachable, "Stale file handle"),
    ],
)
def test_a_disk_that_fails_is_told_with_the_file(
    store: FolderStore,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    code: int,
    kind: type[StoreError],
    message: str,
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(Path, "read_bytes", failing(code))
        with pytest.raises(kind, match=message) as caught:
            store.read(PATH)
    assert f"{tmp_path.as_uri()}/{PATH}" in str(caught.value)
