"""The zip that is deployed."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest

from model_export.bundle.zip import bundle
from model_export.errors import UsageError
from tests.support.places import FUNCTIONS


def names(path: Path) -> list[str]:
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        return archive.namelist()


def small_source(folder: Path) -> Path:
    for name in ("main.py", "requirements.txt", "package/__init__.py", "package/b.py"):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"# {name}\n")
    return folder


def test_the_bundle_holds_the_function_and_nothing_else(tmp_path: Path) -> None:
    found = names(bundle(FUNCTIONS, tmp_path))
    assert {"main.py", "requirements.txt"} <= set(found)
    tracked = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=FUNCTIONS,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    assert found == sorted(tracked)
    assert not [name for name in found if "test" in name or "__pycache__" in name]


def test_the_bundle_starts_on_its_own(tmp_path: Path) -> None:
    with zipfile.ZipFile(bundle(FUNCTIONS, tmp_path)) as archive:
        archive.extractall(tmp_path / "unpacked")
    process = subprocess.run(
        [sys.executable, "-P", "-c", "import main, tflite_serving; print(tflite_serving.__file__)"],
        cwd=tmp_path,
        env={
            **os.environ,
            "PYTHONPATH": str(tmp_path / "unpacked"),
            "MODEL_REGISTRY": str(tmp_path),
            "MODELS": "iris",
        },
        capture_output=True,
        text=True,
        check=True,
    )
    assert process.stdout.startswith(str(tmp_path / "unpacked"))


def test_its_name_is_the_digest_of_its_bytes(tmp_path: Path) -> None:
    path = bundle(small_source(tmp_path / "source"), tmp_path)
    assert path.name == f"function-{hashlib.sha256(path.read_bytes()).hexdigest()[:12]}.zip"


def test_neither_time_zone_nor_permissions_nor_times_change_a_byte(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = small_source(tmp_path / "source")
    first = bundle(source, tmp_path / "first")
    monkeypatch.setenv("TZ", "Asia/Kathmandu")
    time.tzset()
    before = os.umask(0o077)
    try:
        for path in source.rglob("*.py"):
            path.chmod(0o700)
            os.utime(path, (1_000_000_000, 1_000_000_000))
        second = bundle(source, tmp_path / "second")
    finally:
        os.umask(before)
        monkeypatch.undo()
        time.tzset()
    assert (first.name, first.read_bytes()) == (second.name, second.read_bytes())


def test_the_order_in_which_files_were_made_changes_no_byte(tmp_path: Path) -> None:
    one, other = small_source(tmp_path / "one"), tmp_path / "other"
    for path in sorted((path for path in one.rglob("*") if path.is_file()), reverse=True):
        copy = other / path.relative_to(one)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copy)
    assert bundle(one, tmp_path).read_bytes() == bundle(other, tmp_path / "b").read_bytes()


def test_a_changed_file_changes_the_name(tmp_path: Path) -> None:
    source = small_source(tmp_path / "source")
    first = bundle(source, tmp_path)
    (source / "package" / "b.py").write_text("# changed\n")
    assert bundle(source, tmp_path).name != first.name


def test_what_tools_leave_in_the_folder_stays_out(tmp_path: Path) -> None:
    source = small_source(tmp_path / "source")
    expected = names(bundle(source, tmp_path))
    for name in (
        "package/__pycache__/b.py",
        ".venv/lib/site.py",
        ".ipynb_checkpoints/main.py",
        ".hidden.py",
        "package/b.pyc",
        "notes.md",
        "key.json",
    ):
        path = source / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("left behind")
    assert names(bundle(source, tmp_path)) == expected


def test_a_hidden_folder_above_the_source_changes_nothing(tmp_path: Path) -> None:
    source = small_source(tmp_path / ".hidden" / "source")
    assert "main.py" in names(bundle(source, tmp_path))


def test_a_folder_that_is_not_the_functions_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"got no main\.py"):
        bundle(tmp_path, tmp_path / "out")
    assert not (tmp_path / "out").exists()
