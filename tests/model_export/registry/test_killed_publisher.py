from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from model_export.errors import RegistryError
from model_export.registry.open import open_writable
from model_export.registry.operations import list_versions, move_alias, publish, read_named_alias
from tests.support.storage import publish_until
from tests.support.storage.fake_gcs import FakeGcs
from tests.support.storage.stores import (
    PATIENCE_SECONDS,
    Artifact,
    BucketRegistry,
    FolderRegistry,
    Registry,
)
from tests.support.storage.troubled_server import forward, forward_half_and_wait, troubled_server
from tflite_serving.artifacts.loading import load_artifact, resolve_alias
from tflite_serving.artifacts.opening import open_store
from tflite_serving.errors import ObjectNotFound
from tflite_serving.telemetry import Timings

FILES = ("golden.npz", "model.tflite", "report.html", "manifest.json")
STEPS = (*FILES, "alias")


@contextmanager
def publisher(
    registry: Registry, artifact: Artifact, step: str, *options: str
) -> Iterator[subprocess.Popen[str]]:
    """A publisher in a process of its own, which is killed at the end."""
    command = [sys.executable, publish_until.__file__, registry.uri, str(artifact.folder), step]
    process = subprocess.Popen(
        [*command, *options], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def assert_readers_see_all_or_nothing(
    registry: Registry, artifact: Artifact, cache: Path, *, published: bool, pointed: bool
) -> None:
    store = open_writable(registry.uri, PATIENCE_SECONDS)
    reader = open_store(registry.uri, PATIENCE_SECONDS, os.environ)
    version = artifact.manifest.version
    seen = [(one.manifest, one.aliases) for one in list_versions(store)]
    assert seen == ([(artifact.manifest, ("production",) * pointed)] if published else [])
    if published:
        loaded = load_artifact(reader, "iris", version, cache, Timings())
        expected = (artifact.folder / "model.tflite").read_bytes()
        assert loaded.files["model.tflite"].read_bytes() == expected
    else:
        with pytest.raises(ObjectNotFound):
            load_artifact(reader, "iris", version, cache, Timings())
        with pytest.raises(RegistryError):
            move_alias(store, "iris", "staging", version, "publish")
    if pointed:
        assert resolve_alias(reader, "iris", "production").version == version
    else:
        with pytest.raises(ObjectNotFound):
            resolve_alias(reader, "iris", "production")


def assert_publishing_again_succeeds(registry: Registry, artifact: Artifact, cache: Path) -> None:
    store = open_writable(registry.uri, PATIENCE_SECONDS)
    publish(store, artifact.manifest, artifact.folder)
    move_alias(store, "iris", "production", artifact.manifest.version, "again")
    assert read_named_alias(store, "iris", "production").history[-1].action == "again"
    assert_readers_see_all_or_nothing(registry, artifact, cache, published=True, pointed=True)


@pytest.mark.parametrize("step", STEPS)
def test_a_publisher_that_is_killed_between_two_steps_leaves_nothing_or_a_whole_version(
    registry: Registry, artifact: Artifact, tmp_path: Path, step: str
) -> None:
    with publisher(registry, artifact, step) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == f"{step}\n"
        process.send_signal(signal.SIGKILL)
        assert process.wait(PATIENCE_SECONDS) == -signal.SIGKILL
    done = STEPS.index(step)
    visible = [path for path in registry.paths() if "/." not in path]
    assert len(visible) == done + 1
    published, pointed = done >= 3, done >= 4
    assert_readers_see_all_or_nothing(
        registry, artifact, tmp_path / "cache", published=published, pointed=pointed
    )
    assert_publishing_again_succeeds(registry, artifact, tmp_path / "cache")


@pytest.mark.parametrize("path", ["golden.npz", "manifest.json"])
def test_a_publisher_that_is_killed_while_it_writes_a_file_leaves_nothing_to_readers(
    artifact: Artifact, tmp_path: Path, path: str
) -> None:
    # The kernel ends the process, which has no say in it, at the last byte of this very file.
    registry = FolderRegistry(tmp_path / "registry")
    most = (artifact.folder / path).stat().st_size - 1
    with publisher(registry, artifact, "never", str(most)) as process:
        assert process.wait(PATIENCE_SECONDS) == -signal.SIGXFSZ
    prefix = f"{artifact.prefix}/"
    there = [name.removeprefix(prefix) for name in registry.paths()]
    [half] = [name for name in there if name not in FILES]
    assert len(registry.read(prefix + half)) == most
    assert sorted(there) == sorted([half, *FILES[: FILES.index(path)]])
    assert open_writable(registry.uri).files(artifact.prefix) == sorted(FILES[: FILES.index(path)])
    assert_readers_see_all_or_nothing(
        registry, artifact, tmp_path / "cache", published=False, pointed=False
    )
    assert_publishing_again_succeeds(registry, artifact, tmp_path / "cache")


@pytest.mark.parametrize("path", STEPS)
def test_a_publisher_that_is_killed_while_it_uploads_leaves_nothing_or_a_whole_version(
    bucket: BucketRegistry,
    fake_gcs: FakeGcs,
    artifact: Artifact,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    path: str,
) -> None:
    done = STEPS.index(path)
    # Before it moves an alias, it reads the manifest, and whether there is an alias.
    before = done + 2 * (path == "alias")
    answers = [forward(fake_gcs.url)] * before
    with troubled_server(*answers, forward_half_and_wait(fake_gcs.url)) as server:
        with monkeypatch.context() as patched:
            patched.setenv("STORAGE_EMULATOR_HOST", server.url)
            with publisher(bucket, artifact, "never") as process:
                assert server.reached.wait(PATIENCE_SECONDS)
                process.send_signal(signal.SIGKILL)
                assert process.wait(PATIENCE_SECONDS) == -signal.SIGKILL
        assert server.requests[-1].startswith("POST /upload/")
    assert [name.removeprefix(f"{artifact.prefix}/") for name in bucket.paths()] == sorted(
        FILES[:done]
    )
    assert_readers_see_all_or_nothing(
        bucket, artifact, tmp_path / "cache", published=done > 3, pointed=False
    )
    assert_publishing_again_succeeds(bucket, artifact, tmp_path / "cache")
