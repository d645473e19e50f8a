from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.stores import FolderRegistry
from tflite_serving.artifacts.store import RegistryUri, open_store
from tflite_serving.errors import StoreError


@pytest.mark.parametrize(
    ("text", "bucket", "prefix"),
    [
        ("gs://models-1", "models-1", ""),
        ("gs://models-1/", "models-1", ""),
        ("gs://models_1.example.com/team/vision", "models_1.example.com", "team/vision"),
        ("gs://models-1/team/vision/", "models-1", "team/vision"),
        ("gs://models-1/a#b?c%20d", "models-1", "a#b?c%20d"),
    ],
)
def test_a_gs_uri_names_a_bucket_and_a_prefix(text: str, bucket: str, prefix: str) -> None:
    assert RegistryUri.parse(text) == RegistryUri(bucket=bucket, prefix=prefix)


@pytest.mark.parametrize(
    ("text", "folder"),
    [
        ("file:///srv/registry", "/srv/registry"),
        ("file://localhost/srv/registry", "/srv/registry"),
        ("file:/srv/registry", "/srv/registry"),
        ("FILE:///srv/registry", "/srv/registry"),
        ("file:///srv/my%20models", "/srv/my models"),
        ("/srv/registry", "/srv/registry"),
        ("/srv/50%20#1?", "/srv/50%20#1?"),
        ("//srv/[registry", "//srv/[registry"),
    ],
)
def test_a_file_uri_or_a_plain_path_names_a_folder(text: str, folder: str) -> None:
    assert RegistryUri.parse(text) == RegistryUri(folder=Path(folder))


def test_a_plain_path_is_taken_from_the_working_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert RegistryUri.parse("build/registry").folder == tmp_path / "build" / "registry"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "expected gs://bucket[/prefix], file:///folder or a path"),
        ("gs://", "got no bucket"),
        ("gs:///prefix", "got no bucket"),
        ("gs:bucket", "got no bucket"),
        ("gs://My Bucket/x", "'My Bucket'"),
        ("gs://-bucket", "'-bucket'"),
        ("gs://user@bucket:80/x", "'user@bucket:80'"),
        ("gs://[bucket/x", "'[bucket'"),
        ("s3://bucket/x", "'s3'"),
        ("https://storage.googleapis.com/bucket", "'https'"),
        ("file://host/folder", "expected file:///folder"),
        ("file://", "expected file:///folder"),
        ("file:folder", "expected file:///folder"),
        ("file:///srv/a#b", "%23"),
        ("file:///srv/a?b", "%3F"),
        ("bad\0path", "null character"),
        ("file:///bad%00path", "null character"),
    ],
)
def test_what_is_no_registry_is_refused_with_what_was_expected(text: str, expected: str) -> None:
    with pytest.raises(StoreError) as caught:
        RegistryUri.parse(text)
    assert expected in str(caught.value)


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


def test_a_folder_is_read_without_google_s_client(tmp_path: Path) -> None:
    program = f"""
import sys
from pathlib import Path
from tflite_serving.artifacts.loading import load_artifact
from tflite_serving.artifacts.store import open_store
store = open_store({str(tmp_path)!r})
assert store.read("hello").data == b"hello"
slow = ("google.auth", "google.api_core", "google.cloud.storage", "requests")
print([name for name in slow if name in sys.modules])
"""
    FolderRegistry(tmp_path).write("hello", b"hello")
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert (run.stdout, run.stderr) == ("[]\n", "")


def test_opening_a_bucket_asks_nothing_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", "/does/not/exist.json")
    monkeypatch.delenv("STORAGE_EMULATOR_HOST", raising=False)
    assert open_store("gs://nobody-has-this").uri == "gs://nobody-has-this"


@pytest.mark.parametrize(("change", "differs"), [(b"other", True), (b"first", False)])
def test_the_generation_of_a_file_follows_its_content(
    tmp_path: Path, change: bytes, *, differs: bool
) -> None:
    registry = FolderRegistry(tmp_path)
    registry.write("a", b"first")
    before = open_store(str(tmp_path)).read("a").generation
    registry.write("a", change)
    assert (open_store(str(tmp_path)).read("a").generation != before) is differs
