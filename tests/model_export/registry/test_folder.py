from __future__ import annotations

import errno
import fcntl
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import pytest

from model_export.registry.folder import WritableFolder
from tflite_serving.artifacts.store import StoredObject
from tflite_serving.errors import AccessDenied, ObjectNotFound, StoreUnreachable

PATH = "models/iris/aliases/production.json"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    (tmp_path / "source").write_bytes(b"content")
    return tmp_path / "source"


@pytest.fixture
def store(tmp_path: Path) -> WritableFolder:
    return WritableFolder(tmp_path / "registry")


def files_in(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.*"))


def failing(code: int) -> Callable[..., NoReturn]:
    def fail(*_: Any, **__: Any) -> NoReturn:
        raise OSError(code, os.strerror(code))

    return fail


@pytest.mark.parametrize(("mask", "mode"), [(0o022, 0o644), (0o027, 0o640), (0o002, 0o664)])
def test_files_may_be_read_by_whom_the_operator_s_umask_lets(
    store: WritableFolder, source: Path, mask: int, mode: int
) -> None:
    before = os.umask(mask)
    try:
        store.create("models/a/b.c", source)
        store.replace(PATH, b"alias", None)
    finally:
        os.umask(before)
    for path in ("models/a/b.c", PATH):
        assert stat.S_IMODE((store.root / path).stat().st_mode) == mode


def test_writing_leaves_the_umask_alone_which_all_threads_share(
    store: WritableFolder, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(os, "umask", failing(errno.EPERM))
        store.create("models/a/b.c", source)
        store.replace(PATH, b"alias", None)
    assert store.read("models/a/b.c").data == b"content"


def test_nobody_else_replaces_a_file_between_looking_at_it_and_writing_it(
    store: WritableFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.replace(PATH, b"first", None)
    generation = store.read(PATH).generation
    look, held = store.read, []

    def look_while_another_tries(path: str) -> StoredObject:
        with (store.root / "models/iris/aliases/.production.json.lock").open("a") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                held.append(path)
        return look(path)

    with monkeypatch.context() as patched:
        patched.setattr(store, "read", look_while_another_tries)
        store.replace(PATH, b"second", generation)
    assert held == [PATH]


def test_what_a_killed_writer_left_is_listed_nowhere(store: WritableFolder, source: Path) -> None:
    store.create("models/a/b.c", source)
    (store.root / "models/a/.writing-0123").write_bytes(b"half")
    store.replace("models/a/d.json", b"alias", None)
    assert store.files("models/a") == ["b.c", "d.json"]
    assert store.folders("models") == ["a"]


@pytest.mark.parametrize("code", [errno.EACCES, errno.EPERM])
def test_a_folder_that_may_not_be_written_is_told(
    store: WritableFolder, source: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(os, "link", failing(code))
        with pytest.raises(AccessDenied, match="permission denied") as caught:
            store.create("models/a/b.c", source)
    assert f"{store.uri}/models/a/b.c" in str(caught.value)
    assert files_in(store.root) == []


def test_a_disk_that_is_full_is_told_and_keeps_nothing_half_written(
    store: WritableFolder, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.replace(PATH, b"first", None)
    generation = store.read(PATH).generation
    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", failing(errno.ENOSPC))
        with pytest.raises(StoreUnreachable, match="No space left"):
            store.create("models/a/b.c", source)
        with pytest.raises(StoreUnreachable, match="No space left"):
            store.replace(PATH, b"second", generation)
    assert files_in(store.root) == [
        "models/iris/aliases/.production.json.lock",
        "models/iris/aliases/production.json",
    ]
    assert store.read(PATH).data == b"first"


@pytest.mark.parametrize("in_the_way", ["", "models", "models/iris/aliases"])
def test_a_file_where_a_folder_should_be_is_told(
    store: WritableFolder, source: Path, in_the_way: str
) -> None:
    (store.root / in_the_way).parent.mkdir(parents=True, exist_ok=True)
    (store.root / in_the_way).write_bytes(b"in the way")
    with pytest.raises(ObjectNotFound, match="a file is where a folder should be"):
        store.create(PATH, source)
    with pytest.raises(ObjectNotFound, match="a file is where a folder should be"):
        store.replace(PATH, b"alias", None)
    with pytest.raises(ObjectNotFound, match="a file is where a folder should be"):
        store.files("models/iris/aliases")
