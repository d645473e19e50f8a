"""Fixtures: one registry in a folder and one in a bucket, and artifacts to put there."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

import pytest

from model_export.registry.open import open_writable
from model_export.registry.store import WritableStore
from tests.support.models.tiny import WEIGHTS, write_tiny_artifact
from tests.support.storage.fake_gcs import FakeGcs, running_fake_gcs
from tflite_serving.contract.manifest import Manifest

PATIENCE_SECONDS = 10.0
_numbers = itertools.count(1)


class Registry(Protocol):
    """What is really there, past the code under test: to look at it, and to damage it."""

    @property
    def uri(self) -> str:
        """What a store is opened with."""

    def paths(self) -> list[str]:
        """Every file, also those that no reader should see; sorted."""

    def read(self, path: str) -> bytes:
        """One file."""

    def write(self, path: str, data: bytes) -> None:
        """Puts a file there, whatever was there before."""

    def delete(self, path: str) -> None:
        """Takes a file away."""


@dataclass(frozen=True, slots=True)
class FolderRegistry:
    """A registry in a folder."""

    root: Path

    @property
    def uri(self) -> str:
        """See `Registry`."""
        return str(self.root)

    def paths(self) -> list[str]:
        """See `Registry`."""
        return sorted(
            path.relative_to(self.root).as_posix()
            for path in self.root.rglob("*")
            if path.is_file()
        )

    def read(self, path: str) -> bytes:
        """See `Registry`."""
        return (self.root / path).read_bytes()

    def write(self, path: str, data: bytes) -> None:
        """See `Registry`."""
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_bytes(data)

    def delete(self, path: str) -> None:
        """See `Registry`."""
        (self.root / path).unlink()


@dataclass(frozen=True, slots=True)
class BucketRegistry:
    """A registry in a bucket of a real storage server."""

    bucket: Any

    @property
    def uri(self) -> str:
        """See `Registry`."""
        return f"gs://{self.bucket.name}"

    def paths(self) -> list[str]:
        """See `Registry`."""
        return sorted(blob.name for blob in self.bucket.list_blobs())

    def read(self, path: str) -> bytes:
        """See `Registry`."""
        data: bytes = self.bucket.blob(path).download_as_bytes()
        return data

    def write(self, path: str, data: bytes) -> None:
        """See `Registry`."""
        self.bucket.blob(path).upload_from_string(data)

    def delete(self, path: str) -> None:
        """See `Registry`."""
        self.bucket.blob(path).delete()


@dataclass(frozen=True, slots=True)
class Artifact:
    """An artifact that is not published yet."""

    manifest: Manifest
    folder: Path

    @property
    def prefix(self) -> str:
        """Where its files belong in a registry."""
        return f"models/{self.manifest.name}/versions/{self.manifest.version}"


@pytest.fixture(scope="session")
def fake_gcs() -> Iterator[FakeGcs]:
    """A storage server for the whole run."""
    with running_fake_gcs() as server:
        yield server


@pytest.fixture
def bucket(fake_gcs: FakeGcs, monkeypatch: pytest.MonkeyPatch) -> BucketRegistry:
    """An empty bucket, which Google's client finds as long as the test runs."""
    from google.cloud import storage  # slow to import, and folders do without

    monkeypatch.setenv("STORAGE_EMULATOR_HOST", fake_gcs.url)
    name = f"registry-{next(_numbers)}"
    fake_gcs.create_bucket(name)
    return BucketRegistry(storage.Client(project="test").bucket(name))


@pytest.fixture(params=["folder", "bucket"])
def registry(request: pytest.FixtureRequest, tmp_path: Path) -> Registry:
    """An empty registry, in a folder and then in a bucket."""
    if request.param == "folder":
        return FolderRegistry(tmp_path / "registry")
    registry: Registry = request.getfixturevalue("bucket")
    return registry


@pytest.fixture
def store(registry: Registry) -> WritableStore:
    """The empty registry, as operators open it."""
    return open_writable(registry.uri, PATIENCE_SECONDS)


@pytest.fixture(scope="session")
def artifact(tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    """A version of iris; tests only read it."""
    folder = tmp_path_factory.mktemp("artifact")
    return Artifact(write_tiny_artifact(folder), folder)


@pytest.fixture(scope="session")
def newer(tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    """A version of iris that was made a day later, with other weights; tests only read it."""
    folder = tmp_path_factory.mktemp("newer")
    created_at = datetime(2026, 1, 3, 3, 4, 5, tzinfo=UTC)
    return Artifact(write_tiny_artifact(folder, weights=WEIGHTS * 2, created_at=created_at), folder)
