"""The options of the verify command that do not go together."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from model_export.registry.open import open_writable
from tests.support.models.tiny import (
    publish_tiny,
)
from tflite_serving.contract.manifest import Manifest

Cli = Callable[..., Result]


@pytest.fixture
def published(tmp_path: Path) -> tuple[Path, Manifest]:
    registry = tmp_path / "registry"
    return registry, publish_tiny(open_writable(str(registry)), tmp_path / "artifact")


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--data", "data.npz"), "--against and --data together"),
        (("--http", "--url", "http://127.0.0.1:9"), "expected --http or --url, got both"),
        (("--token", "x"), "--token: expected --url"),
        (("--set", "model.source=x"), "--set: expected --recipe, whose keys it overrides"),
        (
            ("--url", "localhost:8080"),
            "--url: expected http://… or https://…, got 'localhost:8080'",
        ),
        (
            ("--recipe", "recipe.toml", "--against", ".", "--data", "data.npz"),
            "expected --recipe, or --against and --data, got both",
        ),
    ],
)
def test_what_belongs_together_is_asked_for(
    cli: Cli, published: tuple[Path, Manifest], options: tuple[str, ...], told: str
) -> None:
    result = cli("verify", f"{published[0]}/models/iris", *options)
    assert result.exit_code == 2
    assert told in result.stderr
