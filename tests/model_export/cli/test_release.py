"""The commands that say which version answers."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from click.testing import Result

from model_export.registry.open import open_writable
from tests.support.models.tiny import publish_tiny
from tflite_serving.contract import layout
from tflite_serving.contract.manifest import Manifest

Cli = Callable[..., Result]


def test_a_release_and_its_undoing_say_what_answered_before(
    cli: Cli, registry: tuple[Path, Manifest], tmp_path: Path
) -> None:
    folder, old = registry
    later = datetime(2026, 5, 1, tzinfo=UTC)
    store = open_writable(str(folder))
    new = publish_tiny(store, tmp_path / "new", name="dense", created_at=later, alias="staging")
    there = ("--registry", folder)
    told = cli("promote", "dense", "staging", "production", *there)
    assert told.stdout == f"dense@production: {new.version}, before: {old.version}\n"
    told = cli("promote", "dense", "staging", "production", *there)
    assert told.stdout == f"dense@production: {new.version}, as before\n"
    told = cli("rollback", "dense", "production", *there)
    assert told.stdout == f"dense@production: {old.version}, before: {new.version}\n"
    path = folder / layout.alias_path("dense", "production")
    document = json.loads(path.read_text(encoding="utf-8"))
    document["canary"] = {"version": new.version, "percent": 5}
    path.write_text(json.dumps(document), encoding="utf-8")
    told = cli("show", path.with_suffix("").as_uri())
    assert f"canary: {new.version} at 5 %; this release serves one version" in told.stdout
    told = cli("promote", "dense", old.version, "production", *there)
    assert told.stdout == (
        f"dense@production: {old.version}, as before; ended: canary {new.version} at 5 %\n"
    )
    assert cli("promote", "dense", "nightly", "production", *there).exit_code == 5
