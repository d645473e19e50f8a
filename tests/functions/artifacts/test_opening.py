from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.storage.stores import FolderRegistry, Registry
from tflite_serving.artifacts.opening import open_store
from tflite_serving.errors import StoreError


@pytest.mark.parametrize("text", ["", "gs://", "ftp://host/x"])
def test_opening_what_is_no_registry_fails_at_once(text: str) -> None:
    with pytest.raises(StoreError):
        open_store(text)


@pytest.mark.parametrize(
    ("text", "uri"),
    [
        ("gs://models-1/team/", "gs://models-1/team"),
        ("gs://models-1", "gs://models-1"),
        ("/srv/my models", "file:///srv/my%20models"),
    ],
)
def test_a_store_says_its_uri_as_people_write_it(text: str, uri: str) -> None:
    assert open_store(text).uri == uri


def test_a_store_s_own_uri_opens_the_same_store(tmp_path: Path) -> None:
    FolderRegistry(tmp_path / "a b#c").write("models/x", b"x")
    uri = open_store(str(tmp_path / "a b#c")).uri
    assert open_store(uri).read("models/x").data == b"x"


def test_a_registry_is_read_without_google_s_libraries(registry: Registry) -> None:
    program = f"""
import os, sys
from tflite_serving.artifacts.loading import load_artifact
from tflite_serving.artifacts.opening import open_store
store = open_store({registry.uri!r}, environ=os.environ)
assert store.read("hello").data == b"hello"
slow = ("google.auth", "google.api_core", "google.cloud.storage", "requests", "urllib3")
print([name for name in slow if name in sys.modules])
"""
    registry.write("hello", b"hello")
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert (run.stdout, run.stderr) == ("[]\n", "")


def test_opening_a_bucket_asks_nothing_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("socket.create_connection", None)
    environ = {"GOOGLE_APPLICATION_CREDENTIALS": "/does/not/exist.json"}
    for found in ({}, environ, {"K_SERVICE": "iris"}, {"STORAGE_EMULATOR_HOST": "localhost:1"}):
        assert open_store("gs://nobody-has-this", environ=found).uri == "gs://nobody-has-this"


@pytest.mark.parametrize(("change", "differs"), [(b"other", True), (b"first", False)])
def test_the_generation_of_a_file_follows_its_content(
    tmp_path: Path, change: bytes, *, differs: bool
) -> None:
    registry = FolderRegistry(tmp_path)
    registry.write("a", b"first")
    before = open_store(str(tmp_path)).read("a").generation
    registry.write("a", change)
    assert (open_store(str(tmp_path)).read("a").generation != before) is differs
