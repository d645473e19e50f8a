"""A registry in a folder, and what looks at it, with a clock and a store that can be held still."""

from __future__ import annotations

import hashlib
import json
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from model_export.registry.folder import WritableFolder
from model_export.registry.operations import move_alias, publish
from tests.support.models.tiny import publish_tiny, write_tiny_artifact
from tflite_serving.artifacts.folder import FolderStore
from tflite_serving.artifacts.store import StoredObject
from tflite_serving.catalog.catalog import Catalog
from tflite_serving.catalog.entry import CatalogEntry
from tflite_serving.catalog.loaded_model import LoadedModel
from tflite_serving.catalog.loader import Loader
from tflite_serving.contract.manifest import FileEntry, Manifest, content_digest, write_manifest
from tflite_serving.contract.versions import version_id
from tflite_serving.errors import ModelUnavailable
from tflite_serving.settings import ModelRef, Settings
from tflite_serving.telemetry import Log

DAY = datetime(2026, 1, 1, tzinfo=UTC)
REFRESH = 30.0
WAIT = 30.0


class LogLines:
    """A stream that remembers each line."""

    def __init__(self) -> None:
        self.entries: list[dict[str, Any]] = []

    def write(self, line: bytes) -> None:
        self.entries.append(json.loads(line))

    def flush(self) -> None:
        pass

    def messages(self, severity: str) -> list[str]:
        return [entry["message"] for entry in self.entries if entry["severity"] == severity]


class WatchedStore(FolderStore):
    """A folder that counts what is read, and can be slow or down."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.reads: Counter[str] = Counter()
        self.failure: Exception | None = None
        self.open = threading.Event()
        self.open.set()
        self.asked = threading.Event()

    def read(self, path: str, *limits: int) -> StoredObject:
        self.reads[path] += 1
        self.asked.set()
        assert self.open.wait(WAIT)
        if self.failure is not None:
            raise self.failure
        return super().read(path, *limits)

    def loads(self) -> int:
        return sum(count for path, count in self.reads.items() if path.endswith("manifest.json"))

    def looks(self) -> int:
        return sum(count for path, count in self.reads.items() if "/aliases/" in path)


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class World:
    """A registry in a folder, and what looks at it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.registry = WritableFolder(folder / "registry")
        self.store = WatchedStore(self.registry.root)
        self.lines = LogLines()
        self.log = Log(self.lines, "DEBUG")  # type: ignore[arg-type]
        self.clock = Clock()
        self._made = 0

    def publish(self, alias: str | None = "production", **options: Any) -> Manifest:
        """A version that is a day younger than the one before."""
        self._made += 1
        created_at = DAY + timedelta(days=self._made)
        place = self.folder / f"artifact-{self._made}"
        return publish_tiny(self.registry, place, alias=alias, created_at=created_at, **options)

    def publish_changed(
        self,
        change: Callable[[Manifest], Manifest] = lambda manifest: manifest,
        golden: bytes | None = None,
    ) -> Manifest:
        """A version whose manifest or golden examples are not what the export would write."""
        self._made += 1
        place = self.folder / f"artifact-{self._made}"
        manifest = change(write_tiny_artifact(place))
        if golden is not None:
            (place / "golden.npz").write_bytes(golden)
            manifest = self._with_golden(manifest, place / "golden.npz")
        (place / "manifest.json").write_text(write_manifest(manifest), encoding="utf-8")
        publish(self.registry, manifest, place)
        self.move("production", manifest.version)
        return manifest

    def move(self, alias: str, version: str) -> None:
        move_alias(self.registry, "iris", alias, version, "promote")

    def settings(self, *models: str, refresh: float = REFRESH) -> Settings:
        return Settings.from_env(
            {
                "MODEL_REGISTRY": self.store.uri,
                "MODELS": ",".join(models),
                "MODEL_CACHE": str(self.folder / "cache"),
                "ALIAS_REFRESH_SECONDS": str(refresh),
                "INTERPRETERS": "1",
            }
        )

    def entry(self, model: str = "iris") -> CatalogEntry:
        loader = Loader(self.store, self.settings(model), self.log)
        return CatalogEntry(ModelRef.parse(model), loader, REFRESH, self.log, self.clock)

    def catalog(self, *models: str) -> Catalog:
        return Catalog(self.settings(*models), self.store, self.log)

    @staticmethod
    def _with_golden(manifest: Manifest, golden: Path) -> Manifest:
        data = golden.read_bytes()
        entry = FileEntry(hashlib.sha256(data).hexdigest(), len(data))
        files = {**manifest.files, "golden.npz": entry}
        digest = content_digest(files)
        return replace(
            manifest, files=files, content_digest=digest, version=version_id(DAY, digest)
        )


def get(entry: CatalogEntry, wait_seconds: float = WAIT) -> LoadedModel:
    return entry.get(wait_seconds)


def settle(entry: CatalogEntry) -> None:
    """Waits until no load or refresh is under way."""
    with entry._lock:
        pending = entry._pending
    if pending is not None:
        pending.exception(WAIT)


def refusal(entry: CatalogEntry) -> ModelUnavailable:
    with pytest.raises(ModelUnavailable) as caught:
        get(entry)
    return caught.value
