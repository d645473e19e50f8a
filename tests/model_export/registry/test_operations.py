from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from model_export.errors import ConflictError, RegistryError, UsageError
from model_export.registry.open import open_writable
from model_export.registry.operations import (
    list_versions,
    move_alias,
    publish,
    read_named_alias,
    read_version,
)
from model_export.registry.store import WritableStore
from tests.support.models.tiny import write_tiny_artifact
from tests.support.storage.stores import PATIENCE_SECONDS, Artifact, Registry

ALIAS = "models/iris/aliases/production.json"


def put(store: WritableStore, artifact: Artifact) -> str:
    publish(store, artifact.manifest, artifact.folder)
    return artifact.manifest.version


def point(store: WritableStore, artifact: Artifact, alias: str = "production") -> None:
    move_alias(store, "iris", alias, artifact.manifest.version, "publish")


def listed(store: WritableStore, name: str | None = None) -> list[tuple[str, str, tuple[str, ...]]]:
    return [
        (one.manifest.name, one.manifest.version, one.aliases) for one in list_versions(store, name)
    ]


def test_an_artifact_is_published_whole(
    store: WritableStore, registry: Registry, artifact: Artifact
) -> None:
    version = put(store, artifact)
    assert registry.paths() == [
        f"models/iris/versions/{version}/{path}"
        for path in ("golden.npz", "manifest.json", "model.tflite", "report.html")
    ]
    for path in (*artifact.manifest.files, "manifest.json"):
        assert registry.read(f"{artifact.prefix}/{path}") == (artifact.folder / path).read_bytes()
    assert read_version(store, "iris", version) == artifact.manifest


def test_the_manifest_is_published_last_and_nothing_is_listed_before(
    store: WritableStore, registry: Registry, artifact: Artifact
) -> None:
    steps: list[tuple[str, bool, int]] = []

    def on_file(path: str) -> None:
        is_there = f"{artifact.prefix}/{path}" in registry.paths()
        steps.append((path, is_there, len(listed(store))))

    publish(store, artifact.manifest, artifact.folder, on_file)
    assert steps == [
        ("golden.npz", True, 0),
        ("model.tflite", True, 0),
        ("report.html", True, 0),
        ("manifest.json", True, 1),
    ]


def test_a_version_without_manifest_is_not_listed(
    store: WritableStore, registry: Registry, artifact: Artifact, newer: Artifact
) -> None:
    put(store, artifact)
    put(store, newer)
    registry.delete(f"{newer.prefix}/manifest.json")
    assert listed(store) == [("iris", artifact.manifest.version, ())]


def test_a_version_without_manifest_gets_no_alias(
    store: WritableStore, registry: Registry, artifact: Artifact
) -> None:
    put(store, artifact)
    registry.delete(f"{artifact.prefix}/manifest.json")
    with pytest.raises(RegistryError, match=f"{artifact.prefix}/manifest.json"):
        point(store, artifact)
    assert ALIAS not in registry.paths()


def test_publishing_the_same_artifact_twice_changes_nothing(
    store: WritableStore, registry: Registry, artifact: Artifact
) -> None:
    put(store, artifact)
    before = {path: registry.read(path) for path in registry.paths()}
    put(store, artifact)
    assert {path: registry.read(path) for path in registry.paths()} == before


@pytest.mark.parametrize("path", ["golden.npz", "model.tflite", "report.html", "manifest.json"])
def test_another_content_under_a_published_version_is_a_conflict_and_leaves_the_first(
    store: WritableStore, registry: Registry, artifact: Artifact, tmp_path: Path, path: str
) -> None:
    put(store, artifact)
    before = {path: registry.read(path) for path in registry.paths()}
    other = Path(shutil.copytree(artifact.folder, tmp_path / "other"))
    (other / path).write_bytes((other / path).read_bytes() + b" ")
    with pytest.raises(ConflictError, match=f"{artifact.prefix}/{path}: .*never changed"):
        publish(store, artifact.manifest, other)
    assert {path: registry.read(path) for path in registry.paths()} == before


@pytest.mark.parametrize("path", ["golden.npz", "report.html", "manifest.json"])
def test_an_artifact_that_lacks_a_file_is_refused_before_anything_is_published(
    store: WritableStore, registry: Registry, artifact: Artifact, tmp_path: Path, path: str
) -> None:
    partial = Path(shutil.copytree(artifact.folder, tmp_path / "partial"))
    (partial / path).unlink()
    with pytest.raises(RegistryError, match="nothing was published") as caught:
        publish(store, artifact.manifest, partial)
    assert str(partial / path) in str(caught.value)
    assert registry.paths() == []


def test_versions_are_listed_by_model_and_newest_first_with_their_aliases(
    store: WritableStore, artifact: Artifact, newer: Artifact, tmp_path: Path
) -> None:
    first, second = put(store, artifact), put(store, newer)
    digits = write_tiny_artifact(tmp_path / "digits", name="digits")
    publish(store, digits, tmp_path / "digits")
    for alias in ("staging", "canary", "production"):
        point(store, artifact, alias)
    point(store, newer, "staging")
    assert listed(store) == [
        ("digits", digits.version, ()),
        ("iris", second, ("staging",)),
        ("iris", first, ("canary", "production")),
    ]
    assert listed(store, "digits") == [("digits", digits.version, ())]


def test_an_empty_registry_lists_nothing(store: WritableStore) -> None:
    assert listed(store) == []
    assert listed(store, "iris") == []


def test_what_is_no_version_is_not_listed(
    store: WritableStore, registry: Registry, artifact: Artifact
) -> None:
    version = put(store, artifact)
    registry.write("models/iris/versions/notes/manifest.json", b"{}")
    registry.write("models/iris/versions/README.md", b"hello")
    registry.write("models/iris/aliases/README.md", b"hello")
    registry.write("models/README.md", b"hello")
    assert listed(store) == [("iris", version, ())]


def test_an_alias_is_made_with_its_first_version(store: WritableStore, artifact: Artifact) -> None:
    put(store, artifact)
    moved = move_alias(store, "iris", "production", artifact.manifest.version, "publish").alias
    assert read_named_alias(store, "iris", "production") == moved
    assert (moved.model, moved.alias) == ("iris", "production")
    assert [change.version for change in moved.history] == [moved.version]
    assert moved.version == artifact.manifest.version


def test_an_alias_remembers_where_it_was(
    store: WritableStore, artifact: Artifact, newer: Artifact
) -> None:
    first, second = put(store, artifact), put(store, newer)
    for version, action in ((first, "publish"), (second, "promote"), (first, "rollback")):
        move_alias(store, "iris", "production", version, action)
    alias = read_named_alias(store, "iris", "production")
    assert alias.version == first
    assert [(change.version, change.action) for change in alias.history] == [
        (first, "publish"),
        (second, "promote"),
        (first, "rollback"),
    ]
    assert all(change.by for change in alias.history)
    assert [change.at for change in alias.history] == sorted(change.at for change in alias.history)


def test_aliases_move_one_by_one(store: WritableStore, artifact: Artifact, newer: Artifact) -> None:
    put(store, artifact)
    put(store, newer)
    point(store, artifact, "production")
    point(store, newer, "staging")
    assert read_named_alias(store, "iris", "production").version == artifact.manifest.version
    assert read_named_alias(store, "iris", "staging").version == newer.manifest.version


def test_an_alias_cannot_point_to_a_version_that_is_not_there(
    store: WritableStore, registry: Registry, artifact: Artifact, newer: Artifact
) -> None:
    put(store, artifact)
    point(store, artifact)
    before = registry.read(ALIAS)
    with pytest.raises(RegistryError, match=newer.manifest.version):
        point(store, newer)
    assert registry.read(ALIAS) == before


@pytest.mark.parametrize("was_there", [True, False])
def test_an_alias_that_somebody_else_moves_meanwhile_is_a_conflict_and_stays_as_they_left_it(
    store: WritableStore,
    registry: Registry,
    artifact: Artifact,
    newer: Artifact,
    monkeypatch: pytest.MonkeyPatch,
    *,
    was_there: bool,
) -> None:
    put(store, artifact)
    put(store, newer)
    if was_there:
        point(store, artifact)
    ours = open_writable(registry.uri, PATIENCE_SECONDS)
    replace = ours.replace

    def replace_late(path: str, data: bytes, generation: str | None) -> None:
        point(store, newer)  # between our read and our write
        replace(path, data, generation)

    monkeypatch.setattr(ours, "replace", replace_late)
    with pytest.raises(ConflictError, match=f"{ALIAS}: somebody else"):
        point(ours, artifact)
    alias = read_named_alias(store, "iris", "production")
    assert alias.version == newer.manifest.version
    assert len(alias.history) == 1 + was_there


def test_where_an_alias_is_missing_it_says_what_there_is(
    store: WritableStore, artifact: Artifact
) -> None:
    def told() -> str:
        with pytest.raises(RegistryError) as caught:
            read_named_alias(store, "iris", "staging")
        return str(caught.value)

    assert "aliases/staging.json: there is no such" in told()
    assert told().endswith("; there is no such model, either")
    put(store, artifact)
    newest = f"; the model has no alias, and its newest version is {artifact.manifest.version}"
    assert told().endswith(newest)
    point(store, artifact)
    assert told().endswith("; the model has the aliases production")


@pytest.mark.parametrize("data", [b"", b"[]", b"{}", b'{"schema_version": 2}', b"\xff"])
def test_a_damaged_alias_is_named_and_not_overwritten(
    store: WritableStore, registry: Registry, artifact: Artifact, data: bytes
) -> None:
    put(store, artifact)
    registry.write(ALIAS, data)
    with pytest.raises(RegistryError, match=ALIAS):
        point(store, artifact)
    with pytest.raises(RegistryError, match=ALIAS):
        read_named_alias(store, "iris", "production")
    with pytest.raises(RegistryError, match=ALIAS):
        listed(store)
    assert registry.read(ALIAS) == data


def test_an_alias_that_belongs_elsewhere_is_named_and_not_overwritten(
    store: WritableStore, registry: Registry, artifact: Artifact
) -> None:
    put(store, artifact)
    point(store, artifact, "staging")
    registry.write(ALIAS, registry.read("models/iris/aliases/staging.json"))
    with pytest.raises(RegistryError, match=f"{ALIAS}: the alias there is staging of iris"):
        point(store, artifact)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"schema_version": 2}, "expected at most 1, got 2"),
        ({"name": "wine"}, "is of wine"),
        ({"task": 7}, "task"),
    ],
)
def test_a_damaged_manifest_is_named(
    store: WritableStore,
    registry: Registry,
    artifact: Artifact,
    changes: dict[str, Any],
    expected: str,
) -> None:
    version = put(store, artifact)
    path = f"{artifact.prefix}/manifest.json"
    registry.write(path, json.dumps(json.loads(registry.read(path)) | changes).encode())
    for ask in (lambda: listed(store), lambda: read_version(store, "iris", version)):
        with pytest.raises(RegistryError, match=expected) as caught:
            ask()
        assert f"{store.uri}/{path}" in str(caught.value)


@pytest.mark.parametrize("name", ["", "../wine", "wine/aliases", ".", "a b"])
def test_a_name_that_none_can_have_is_refused_before_it_becomes_a_path(
    store: WritableStore, registry: Registry, artifact: Artifact, name: str
) -> None:
    version = put(store, artifact)
    before = registry.paths()
    for ask in (
        lambda: move_alias(store, name, "production", version, "publish"),
        lambda: move_alias(store, "iris", name, version, "publish"),
        lambda: read_version(store, name, version),
        lambda: read_named_alias(store, name, "production"),
        lambda: read_named_alias(store, "iris", name),
        lambda: listed(store, name),
    ):
        with pytest.raises(UsageError, match=f"got {name!r}"):
            ask()
    assert registry.paths() == before


@pytest.mark.parametrize("version", ["", "latest", "../../wine", "20260102T030405Z-XYZ"])
def test_a_version_that_none_can_have_is_refused_before_it_becomes_a_path(
    store: WritableStore, version: str
) -> None:
    with pytest.raises(UsageError, match="expected a version"):
        move_alias(store, "iris", "production", version, "publish")
    with pytest.raises(UsageError, match="expected a version"):
        read_version(store, "iris", version)


@pytest.mark.usefixtures("bucket")
def test_a_bucket_that_is_not_there_is_told_by_every_verb(artifact: Artifact) -> None:
    store = open_writable("gs://nobody-has-this", PATIENCE_SECONDS)
    for ask in (
        lambda: publish(store, artifact.manifest, artifact.folder),
        lambda: point(store, artifact),
        lambda: listed(store),
    ):
        with pytest.raises(RegistryError, match=r"gs://nobody-has-this/models.*bucket"):
            ask()
