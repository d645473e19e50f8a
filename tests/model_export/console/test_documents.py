"""What a registry holds, for people."""

from __future__ import annotations

import io
from pathlib import Path

from rich.console import Console

from model_export.console.documents import versions_table
from model_export.registry.open import open_writable
from model_export.registry.operations import list_versions
from tests.support.models.tiny import publish_tiny


def test_a_narrow_listing_leaves_out_variants_and_cuts_off_nothing(tmp_path: Path) -> None:
    store = open_writable(str(tmp_path / "registry"))
    manifest = publish_tiny(store, tmp_path / "artifact")
    versions = list(list_versions(store, None))
    quality = f"{manifest.quality.metric} {manifest.quality.published:.4f}"
    size = f"{manifest.files['model.tflite'].bytes:,}"
    variant = manifest.compression.quantization
    for width in (80, 120):
        console = Console(file=io.StringIO(), width=width)
        console.print(versions_table(versions, width))
        assert isinstance(console.file, io.StringIO)
        (line,) = [row for row in console.file.getvalue().splitlines() if "Z-" in row]
        found = line.split()
        assert found == [
            *("iris", manifest.version, "production"),
            *([variant] if width > 80 else []),
            *quality.split(),
            size,
        ]
