"""A model that is computed on the event loop, one that is computed in threads, and servers."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

import pytest

from model_export.registry.open import open_writable
from model_export.registry.operations import move_alias, publish
from tests.support.models.tiny import write_tiny_artifact
from tests.support.server.serving import MAIN, Function, running
from tflite_serving.contract.evidence import Latency
from tflite_serving.contract.manifest import write_manifest

Start = Callable[..., AbstractContextManager[Function]]

_SLOW = Latency(1000.0, 2000.0)


def _publish(folder: Path, latency: Latency | None) -> Path:
    manifest = write_tiny_artifact(folder / "artifact")
    if latency is not None:
        manifest = replace(manifest, resources=replace(manifest.resources, latency_ms=latency))
        text = write_manifest(manifest)
        (folder / "artifact" / "manifest.json").write_text(text, encoding="utf-8")
    store = open_writable(str(folder / "registry"))
    publish(store, manifest, folder / "artifact")
    move_alias(store, manifest.name, "production", manifest.version, "publish")
    return folder / "registry"


@pytest.fixture(scope="session")
def quick(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A registry whose model says that it is quick: small batches run on the event loop."""
    return _publish(tmp_path_factory.mktemp("quick"), None)


@pytest.fixture(scope="session")
def slow(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A registry whose model says that it is slow, and so is run in threads."""
    return _publish(tmp_path_factory.mktemp("slow"), _SLOW)


@pytest.fixture(scope="session")
def start(tmp_path_factory: pytest.TempPathFactory) -> Start:
    """Starts the function over a registry, with settings."""

    def started(
        registry: Path, target: str = "predict", source: Path = MAIN, **environment: str
    ) -> AbstractContextManager[Function]:
        settings = {"MODEL_REGISTRY": str(registry), "MODELS": "iris", **environment}
        return running(target, settings, tmp_path_factory.mktemp("function"), source)

    return started
