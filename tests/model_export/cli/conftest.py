"""A registry for the commands."""

from __future__ import annotations

from pathlib import Path

import pytest

from model_export.registry.open import open_writable
from tests.support.models.tiny import publish_tiny
from tflite_serving.contract.manifest import Manifest


@pytest.fixture
def registry(tmp_path: Path) -> tuple[Path, Manifest]:
    """A registry that has a version and an alias."""
    folder = tmp_path / "registry"
    manifest = publish_tiny(open_writable(str(folder)), tmp_path / "tiny", name="dense")
    return folder, manifest
