from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from model_export.registry.operations import move_alias, publish
from model_export.registry.store import WritableStore
from tests.support.storage.stores import (
    PATIENCE_SECONDS,
    Artifact,
    BucketRegistry,
    FolderRegistry,
    Registry,
)
from tflite_serving.artifacts.folder import FolderStore
from tflite_serving.artifacts.loading import LocalArtifact, load_artifact, resolve_alias
from tflite_serving.artifacts.opening import open_store
from tflite_serving.artifacts.store import Store
from tflite_serving.contract.alias import AliasChange, AliasDocument, write_alias
from tflite_serving.contract.versions import content_digest
from tflite_serving.errors import (
    ArtifactRefused,
    IntegrityError,
    ObjectNotFound,
    StoreError,
)
from tflite_serving.telemetry import Timings

SERVED = ("model.tflite", "golden.npz")
DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "bit flip": lambda data: data[:100] + bytes([data[100] ^ 1]) + data[101:],
    "truncated": lambda data: data[:-1],
    "longer": lambda data: data + b"\0",
    "empty": lambda data: b"",
}


def reader(registry: Registry) -> Store:
    return open_store(registry.uri, PATIENCE_SECONDS, os.environ)


def load(registry: Registry, cache: Path, version: str) -> LocalArtifact:
    return load_artifact(reader(registry), "iris", version, cache, Timings())


def files_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if not path.is_dir())


def assert_whole(loaded: LocalArtifact, artifact: Artifact) -> None:
    assert loaded.manifest == artifact.manifest
    for path in SERVED:
        assert loaded.files[path].read_bytes() == (artifact.folder / path).read_bytes()


def put(registry: Registry, artifact: Artifact) -> None:
    for path in (*artifact.manifest.files, "manifest.json"):
        registry.write(f"{artifact.prefix}/{path}", (artifact.folder / path).read_bytes())


def put_manifest(registry: Registry, artifact: Artifact, **changes: Any) -> None:
    document = json.loads((artifact.folder / "manifest.json").read_bytes()) | changes
    registry.write(f"{artifact.prefix}/manifest.json", json.dumps(document).encode())


def put_lie(registry: Registry, artifact: Artifact, path: str, **lie: Any) -> str:
    """Puts a version whose manifest agrees with itself, but not with its files."""
    document = json.loads((artifact.folder / "manifest.json").read_bytes())
    document["files"].setdefault(path, {}).update(lie)
    files = document["files"].items()
    digest = content_digest({n: file["sha256"] for n, file in files if not file.get("is_evidence")})
    document["content_digest"] = digest
    version = document["version"] = document["version"][:-8] + digest[:8]
    prefix = f"models/iris/versions/{version}"
    for name in artifact.manifest.files:
        registry.write(f"{prefix}/{name}", (artifact.folder / name).read_bytes())
    registry.write(f"{prefix}/manifest.json", json.dumps(document).encode())
    return str(version)


def test_a_published_version_is_loaded_as_it_was_made(
    registry: Registry, artifact: Artifact, tmp_path: Path
) -> None:
    put(registry, artifact)
    assert_whole(load(registry, tmp_path / "cache", artifact.manifest.version), artifact)


def test_a_folder_is_read_in_place(registry: Registry, artifact: Artifact, tmp_path: Path) -> None:
    put(registry, artifact)
    loaded = load(registry, tmp_path / "cache", artifact.manifest.version)
    in_place = not isinstance(registry, BucketRegistry)
    assert loaded.files["model.tflite"].is_relative_to(tmp_path / "registry") is in_place
    assert (tmp_path / "cache").exists() is not in_place


def test_only_what_serving_needs_is_downloaded(
    bucket: BucketRegistry, artifact: Artifact, tmp_path: Path
) -> None:
    put(bucket, artifact)
    load(bucket, tmp_path / "cache", artifact.manifest.version)
    assert files_in(tmp_path / "cache") == sorted(SERVED)


def test_loading_again_downloads_nothing_but_the_manifest(
    bucket: BucketRegistry, artifact: Artifact, tmp_path: Path
) -> None:
    put(bucket, artifact)
    version = artifact.manifest.version
    load(bucket, tmp_path / "cache", version)
    for path in artifact.manifest.files:
        bucket.delete(f"{artifact.prefix}/{path}")
    assert_whole(load(bucket, tmp_path / "cache", version), artifact)


def test_downloading_and_verifying_are_timed(
    registry: Registry, artifact: Artifact, tmp_path: Path
) -> None:
    put(registry, artifact)
    timings = Timings()
    load_artifact(reader(registry), "iris", artifact.manifest.version, tmp_path / "cache", timings)
    assert set(timings.stages) == {"download", "verify"}


def test_a_version_without_manifest_cannot_be_loaded(
    registry: Registry, artifact: Artifact, tmp_path: Path
) -> None:
    put(registry, artifact)
    registry.delete(f"{artifact.prefix}/manifest.json")
    with pytest.raises(ObjectNotFound, match=r"manifest\.json"):
        load(registry, tmp_path / "cache", artifact.manifest.version)


@pytest.mark.parametrize("path", SERVED)
@pytest.mark.parametrize("damage", DAMAGES)
def test_a_file_that_was_damaged_in_the_registry_is_refused_by_name(
    registry: Registry, artifact: Artifact, tmp_path: Path, damage: str, path: str
) -> None:
    put(registry, artifact)
    registry.write(
        f"{artifact.prefix}/{path}", DAMAGES[damage]((artifact.folder / path).read_bytes())
    )
    with pytest.raises(IntegrityError) as caught:
        load(registry, tmp_path / "cache", artifact.manifest.version)
    assert path in str(caught.value)
    assert artifact.manifest.version in str(caught.value)
    assert files_in(tmp_path / "cache") == []


@pytest.mark.parametrize("path", SERVED)
def test_a_file_that_is_missing_from_the_registry_is_refused_by_name(
    registry: Registry, artifact: Artifact, tmp_path: Path, path: str
) -> None:
    put(registry, artifact)
    registry.delete(f"{artifact.prefix}/{path}")
    with pytest.raises(IntegrityError, match="but the manifest lists it") as caught:
        load(registry, tmp_path / "cache", artifact.manifest.version)
    assert path in str(caught.value)
    assert files_in(tmp_path / "cache") == []


def test_a_version_that_was_repaired_in_the_registry_is_loaded(
    registry: Registry, artifact: Artifact, tmp_path: Path
) -> None:
    put(registry, artifact)
    registry.write(f"{artifact.prefix}/model.tflite", b"damaged")
    with pytest.raises(IntegrityError):
        load(registry, tmp_path / "cache", artifact.manifest.version)
    put(registry, artifact)
    assert_whole(load(registry, tmp_path / "cache", artifact.manifest.version), artifact)


@pytest.mark.parametrize(
    ("lie", "expected"),
    [({"sha256": "0" * 64}, "expected sha256 0000"), ({"bytes": 781}, "expected 781 bytes, got")],
)
@pytest.mark.parametrize("path", SERVED)
def test_a_manifest_that_lies_about_a_file_is_refused(
    registry: Registry,
    artifact: Artifact,
    tmp_path: Path,
    path: str,
    lie: dict[str, Any],
    expected: str,
) -> None:
    version = put_lie(registry, artifact, path, **lie)
    with pytest.raises(IntegrityError, match=expected) as caught:
        load(registry, tmp_path / "cache", version)
    assert path in str(caught.value)
    assert files_in(tmp_path / "cache") == []


@pytest.mark.parametrize(
    "path",
    ["../x", "../../../../x", "/etc/x", "a/../../x", "a/./x", "a\\x", "c:x", "..", ".", "", "a//x"],
)
def test_a_manifest_whose_paths_escape_is_refused(
    registry: Registry, artifact: Artifact, tmp_path: Path, path: str
) -> None:
    content = {"sha256": hashlib.sha256(b"x").hexdigest(), "bytes": 1}
    version = put_lie(registry, artifact, path, **content)
    with pytest.raises(ArtifactRefused) as caught:
        load(registry, tmp_path / "cache", version)
    assert repr(path) in str(caught.value)
    assert "manifest.json" in str(caught.value)
    assert files_in(tmp_path / "cache") == []


def test_golden_examples_outside_the_artifact_are_refused(
    registry: Registry, artifact: Artifact, tmp_path: Path
) -> None:
    put(registry, artifact)
    put_manifest(registry, artifact, golden="../golden.npz")
    with pytest.raises(ArtifactRefused, match=r"'\.\./golden\.npz'"):
        load(registry, tmp_path / "cache", artifact.manifest.version)
    assert files_in(tmp_path / "cache") == []


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"schema_version": 2}, "expected at most 1, got 2"),
        ({"schema_version": "1"}, "schema_version"),
        ({"content_digest": "0" * 64}, "content_digest"),
        ({"version": "20260102T030405Z-00000000"}, "version"),
        ({"files": {}}, "'model.tflite'"),
        ({"inputs": []}, "inputs"),
        ({"task": 7}, "task"),
    ],
)
def test_a_manifest_that_breaks_the_contract_is_refused_by_field(
    registry: Registry, artifact: Artifact, tmp_path: Path, changes: dict[str, Any], expected: str
) -> None:
    put(registry, artifact)
    put_manifest(registry, artifact, **changes)
    with pytest.raises(ArtifactRefused) as caught:
        load(registry, tmp_path / "cache", artifact.manifest.version)
    assert expected in str(caught.value)
    assert f"{artifact.prefix}/manifest.json" in str(caught.value)
    assert files_in(tmp_path / "cache") == []


@pytest.mark.parametrize(
    "data", [b"", b"{", b"[]", b"null", b"\xff\xfe", b"<html>", b"[" * 100_000]
)
def test_a_manifest_that_is_no_json_object_is_refused_by_name(
    registry: Registry, artifact: Artifact, tmp_path: Path, data: bytes
) -> None:
    put(registry, artifact)
    registry.write(f"{artifact.prefix}/manifest.json", data)
    with pytest.raises(ArtifactRefused, match="expected") as caught:
        load(registry, tmp_path / "cache", artifact.manifest.version)
    assert f"{artifact.prefix}/manifest.json" in str(caught.value)


def test_a_manifest_of_another_model_is_refused(
    registry: Registry, artifact: Artifact, tmp_path: Path
) -> None:
    put(registry, artifact)
    put_manifest(registry, artifact, name="wine")
    with pytest.raises(IntegrityError, match="is of wine") as caught:
        load(registry, tmp_path / "cache", artifact.manifest.version)
    assert f"{artifact.prefix}/manifest.json" in str(caught.value)


def test_a_manifest_of_another_version_is_refused(
    registry: Registry, artifact: Artifact, newer: Artifact, tmp_path: Path
) -> None:
    put(registry, artifact)
    there = (newer.folder / "manifest.json").read_bytes()
    registry.write(f"{artifact.prefix}/manifest.json", there)
    with pytest.raises(IntegrityError, match=f"is of iris {newer.manifest.version}"):
        load(registry, tmp_path / "cache", artifact.manifest.version)


@pytest.mark.parametrize("path", SERVED)
@pytest.mark.parametrize("damage", DAMAGES)
def test_a_file_that_was_damaged_in_the_cache_is_fetched_anew(
    bucket: BucketRegistry, artifact: Artifact, tmp_path: Path, damage: str, path: str
) -> None:
    put(bucket, artifact)
    cached = load(bucket, tmp_path / "cache", artifact.manifest.version).files[path]
    cached.write_bytes(DAMAGES[damage](cached.read_bytes()))
    assert_whole(load(bucket, tmp_path / "cache", artifact.manifest.version), artifact)
    assert files_in(tmp_path / "cache") == sorted(SERVED)


@pytest.mark.parametrize("path", SERVED)
def test_a_file_that_is_missing_from_the_cache_is_fetched_anew(
    bucket: BucketRegistry, artifact: Artifact, tmp_path: Path, path: str
) -> None:
    put(bucket, artifact)
    load(bucket, tmp_path / "cache", artifact.manifest.version).files[path].unlink()
    assert_whole(load(bucket, tmp_path / "cache", artifact.manifest.version), artifact)
    assert files_in(tmp_path / "cache") == sorted(SERVED)


def test_what_a_killed_download_left_behind_is_not_used(
    bucket: BucketRegistry, artifact: Artifact, tmp_path: Path
) -> None:
    put(bucket, artifact)
    place = tmp_path / "cache" / "iris" / artifact.manifest.version
    place.mkdir(parents=True)
    (place / "model.tflite").write_bytes(b"half of it")
    assert_whole(load(bucket, tmp_path / "cache", artifact.manifest.version), artifact)


@pytest.mark.parametrize("in_the_way", ["cache", "cache/iris"])
def test_a_cache_that_cannot_be_written_is_named_with_its_setting(
    bucket: BucketRegistry, artifact: Artifact, tmp_path: Path, in_the_way: str
) -> None:
    put(bucket, artifact)
    (tmp_path / in_the_way).parent.mkdir(exist_ok=True)
    (tmp_path / in_the_way).write_text("a file where the folder should be")
    with pytest.raises(StoreError, match="MODEL_CACHE") as caught:
        load(bucket, tmp_path / "cache", artifact.manifest.version)
    assert str(tmp_path / "cache") in str(caught.value)


class RemoteFolder(FolderStore):
    """A folder that is downloaded from, as a bucket is, in no time."""

    def local(self, path: str) -> None:  # type: ignore[override]
        """Nothing."""


@pytest.mark.parametrize("cached", ["nothing", "damaged"])
def test_workers_that_fill_one_cache_at_once_all_get_a_good_artifact(
    artifact: Artifact, tmp_path: Path, cached: str
) -> None:
    registry = FolderRegistry(tmp_path / "registry")
    put(registry, artifact)
    workers, rounds, version = 4, 200, artifact.manifest.version
    begin = threading.Barrier(workers)

    def work(cache: Path) -> None:
        begin.wait(PATIENCE_SECONDS)
        store = RemoteFolder(registry.root)
        # What one worker got must stay good while the others are still at it.
        assert_whole(load_artifact(store, "iris", version, cache, Timings()), artifact)

    with ThreadPoolExecutor(workers) as pool:
        for number in range(rounds):
            cache = tmp_path / f"cache-{number}"
            if cached == "damaged":
                (cache / "iris" / version).mkdir(parents=True)
                (cache / "iris" / version / "model.tflite").write_bytes(b"damaged")
            for one in [pool.submit(work, cache) for _ in range(workers)]:
                one.result()
            assert files_in(cache) == sorted(SERVED)


def test_processes_that_fill_one_cache_at_once_all_get_a_good_artifact(
    bucket: BucketRegistry, artifact: Artifact, tmp_path: Path
) -> None:
    put(bucket, artifact)
    program = """
import os
import sys
from pathlib import Path
from tflite_serving.artifacts.folder import FolderStore
from tflite_serving.artifacts.loading import load_artifact
from tflite_serving.artifacts.opening import open_store
from tflite_serving.telemetry import Timings
uri, version, cache = sys.argv[1:]
store = open_store(uri, environ=os.environ)
store.read(f"models/iris/versions/{version}/manifest.json")
print("ready", flush=True)
sys.stdin.readline()
print(load_artifact(store, "iris", version, Path(cache), Timings()).files["model.tflite"])
"""
    arguments = [bucket.uri, artifact.manifest.version, str(tmp_path / "cache")]
    workers = [
        subprocess.Popen(
            [sys.executable, "-c", program, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(3)
    ]
    try:
        for worker in workers:
            assert worker.stdout is not None
            assert worker.stdout.readline() == "ready\n"
        for worker in workers:
            assert worker.stdin is not None
            worker.stdin.write("go\n")
            worker.stdin.flush()
        answers = [worker.communicate(timeout=PATIENCE_SECONDS)[0] for worker in workers]
    finally:
        for worker in workers:
            worker.kill()
            worker.communicate()
    expected = (artifact.folder / "model.tflite").read_bytes()
    assert [Path(answer.strip()).read_bytes() for answer in answers] == [expected] * 3
    assert files_in(tmp_path / "cache") == sorted(SERVED)


def alias_of(artifact: Artifact, **changes: Any) -> AliasDocument:
    change = AliasChange(artifact.manifest.version, "2026-01-02T03:04:05Z", "me", "publish")
    document = AliasDocument(
        model="iris", alias="production", version=change.version, history=(change,)
    )
    return replace(document, **changes)


def test_an_alias_says_which_version_answers_now(registry: Registry, artifact: Artifact) -> None:
    registry.write("models/iris/aliases/production.json", write_alias(alias_of(artifact)).encode())
    assert resolve_alias(reader(registry), "iris", "production") == alias_of(artifact)


def test_an_alias_that_is_not_there_is_not_found_by_name(registry: Registry) -> None:
    with pytest.raises(ObjectNotFound, match=r"iris/aliases/production\.json"):
        resolve_alias(reader(registry), "iris", "production")


@pytest.mark.parametrize("data", [b"", b"{}", b'{"schema_version": 2}', b"\xff", b'"production"'])
def test_a_damaged_alias_is_refused_by_name(registry: Registry, data: bytes) -> None:
    registry.write("models/iris/aliases/production.json", data)
    with pytest.raises(ArtifactRefused, match=r"iris/aliases/production\.json"):
        resolve_alias(reader(registry), "iris", "production")


@pytest.mark.parametrize("changes", [{"model": "wine"}, {"alias": "staging"}])
def test_an_alias_that_belongs_elsewhere_is_refused(
    registry: Registry, artifact: Artifact, changes: dict[str, Any]
) -> None:
    document = alias_of(artifact, **changes)
    registry.write("models/iris/aliases/production.json", write_alias(document).encode())
    with pytest.raises(IntegrityError, match=f"is {document.alias} of {document.model}"):
        resolve_alias(reader(registry), "iris", "production")


def test_what_an_operator_publishes_is_what_the_function_loads(
    registry: Registry, store: WritableStore, artifact: Artifact, tmp_path: Path
) -> None:
    publish(store, artifact.manifest, artifact.folder)
    move_alias(store, "iris", "production", artifact.manifest.version, "publish")
    version = resolve_alias(reader(registry), "iris", "production").version
    assert_whole(load(registry, tmp_path / "cache", version), artifact)
