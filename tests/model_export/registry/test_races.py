from __future__ import annotations

import os
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from model_export.errors import ConflictError
from model_export.registry.open import open_writable
from model_export.registry.operations import list_versions, move_alias, publish, read_named_alias
from model_export.registry.store import WritableStore
from tests.support.storage.stores import PATIENCE_SECONDS, Artifact, Registry
from tflite_serving.artifacts.loading import load_artifact
from tflite_serving.artifacts.opening import open_store
from tflite_serving.telemetry import Timings

OPERATORS = 4
ALIAS = "models/iris/aliases/production.json"


def together(registry: Registry, work: Callable[[WritableStore, int], None]) -> list[int]:
    """Lets operators, each with a store of their own, begin at once; says which ones won."""
    start = threading.Barrier(OPERATORS)

    def operate(number: int) -> None:
        store = open_writable(registry.uri, PATIENCE_SECONDS)
        start.wait(PATIENCE_SECONDS)
        work(store, number)

    with ThreadPoolExecutor(OPERATORS) as pool:
        runs = [pool.submit(operate, number) for number in range(OPERATORS)]
    return [number for number, run in enumerate(runs) if won(run)]


def won(run: Future[None]) -> bool:
    """Whether it was done; the only failure that may be is a conflict."""
    try:
        run.result()
    except ConflictError:
        return False
    return True


def assert_nothing_half_written(registry: Registry) -> None:
    assert not [path for path in registry.paths() if "writing" in path]


def test_operators_who_publish_the_same_artifact_at_once_all_succeed(
    registry: Registry, artifact: Artifact, tmp_path: Path
) -> None:
    winners = together(
        registry, lambda store, _: publish(store, artifact.manifest, artifact.folder)
    )
    assert winners == list(range(OPERATORS))
    store = open_writable(registry.uri, PATIENCE_SECONDS)
    assert [one.manifest for one in list_versions(store)] == [artifact.manifest]
    reader = open_store(registry.uri, PATIENCE_SECONDS, os.environ)
    load_artifact(reader, "iris", artifact.manifest.version, tmp_path / "cache", Timings())
    assert_nothing_half_written(registry)


@pytest.mark.parametrize("path", ["golden.npz", "report.html", "manifest.json"])
def test_of_operators_who_publish_different_contents_as_one_version_exactly_one_wins(
    registry: Registry, artifact: Artifact, tmp_path: Path, path: str
) -> None:
    contents = []
    for number in range(OPERATORS):
        folder = tmp_path / f"operator-{number}"
        folder.mkdir()
        for name in (*artifact.manifest.files, "manifest.json"):
            (folder / name).write_bytes((artifact.folder / name).read_bytes())
        contents.append((artifact.folder / path).read_bytes() + b" " * number)
        (folder / path).write_bytes(contents[number])
    [winner] = together(
        registry,
        lambda store, number: publish(store, artifact.manifest, tmp_path / f"operator-{number}"),
    )
    assert registry.read(f"{artifact.prefix}/{path}") == contents[winner]
    assert len(registry.paths()) == 4
    assert_nothing_half_written(registry)


def test_of_operators_who_move_an_alias_that_they_read_at_once_exactly_one_wins(
    registry: Registry, artifact: Artifact, newer: Artifact, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = open_writable(registry.uri, PATIENCE_SECONDS)
    for one in (artifact, newer):
        publish(store, one.manifest, one.folder)
    move_alias(store, "iris", "production", artifact.manifest.version, "publish")
    all_have_read = threading.Barrier(OPERATORS)

    def work(ours: WritableStore, number: int) -> None:
        replace = ours.replace

        def replace_late(path: str, data: bytes, generation: str | None) -> None:
            all_have_read.wait(PATIENCE_SECONDS)
            replace(path, data, generation)

        monkeypatch.setattr(ours, "replace", replace_late)
        move_alias(ours, "iris", "production", newer.manifest.version, f"by {number}")

    [winner] = together(registry, work)
    alias = read_named_alias(store, "iris", "production")
    assert alias.version == newer.manifest.version
    assert [change.action for change in alias.history] == ["publish", f"by {winner}"]
    assert_nothing_half_written(registry)


@pytest.mark.parametrize("was_there", [True, False])
def test_every_move_of_an_alias_is_in_its_history_or_was_a_conflict(
    registry: Registry, artifact: Artifact, *, was_there: bool
) -> None:
    store = open_writable(registry.uri, PATIENCE_SECONDS)
    publish(store, artifact.manifest, artifact.folder)
    version = artifact.manifest.version
    if was_there:
        move_alias(store, "iris", "production", version, "publish")
    winners = together(registry, lambda ours, number: _move(ours, version, f"by {number}"))
    history = [change.action for change in read_named_alias(store, "iris", "production").history]
    assert winners
    assert sorted(history) == sorted(
        [f"by {winner}" for winner in winners] + ["publish"] * was_there
    )
    assert_nothing_half_written(registry)


def _move(store: WritableStore, version: str, action: str) -> None:
    move_alias(store, "iris", "production", version, action)
