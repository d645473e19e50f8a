"""Releases and their undoing, in a folder and in a bucket."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_export.errors import ConflictError, RegistryError, UsageError
from model_export.registry.open import open_writable
from model_export.registry.operations import publish, read_named_alias
from model_export.registry.release import promote, rollback
from model_export.registry.store import WritableStore
from tests.support.models.tiny import write_tiny_artifact
from tests.support.storage.stores import Artifact, Registry

ALIAS = "models/iris/aliases/production.json"


@pytest.fixture
def versions(store: WritableStore, artifact: Artifact, newer: Artifact) -> tuple[str, str]:
    """Two published versions, the older one first."""
    for each in (artifact, newer):
        publish(store, each.manifest, each.folder)
    return artifact.manifest.version, newer.manifest.version


def now(store: WritableStore) -> str:
    return read_named_alias(store, "iris", "production").version


def test_a_version_is_released_to_an_alias_that_is_new(
    store: WritableStore, versions: tuple[str, str]
) -> None:
    release = promote(store, "iris", versions[0], "production")
    assert (release.before, release.alias.version, release.is_change) == (None, versions[0], True)
    assert now(store) == versions[0]


def test_what_staging_has_is_released_to_production(
    store: WritableStore, versions: tuple[str, str]
) -> None:
    promote(store, "iris", versions[0], "production")
    promote(store, "iris", versions[1], "staging")
    release = promote(store, "iris", "staging", "production")
    assert (release.before, release.alias.version) == versions
    assert [change.action for change in release.alias.history] == ["promote"] * 2


def test_what_is_released_already_leaves_no_trace(
    store: WritableStore, registry: Registry, versions: tuple[str, str]
) -> None:
    promote(store, "iris", versions[0], "production")
    before = registry.read(ALIAS)
    assert not promote(store, "iris", versions[0], "production").is_change
    assert registry.read(ALIAS) == before


def test_a_release_ends_a_canary_even_of_the_same_version(
    store: WritableStore, registry: Registry, versions: tuple[str, str]
) -> None:
    promote(store, "iris", versions[0], "production")
    document = json.loads(registry.read(ALIAS))
    document["canary"] = {"version": versions[1], "percent": 10}
    registry.write(ALIAS, json.dumps(document).encode())
    release = promote(store, "iris", versions[0], "production")
    assert release.alias.canary is None
    assert release.ended == f"canary {versions[1]} at 10 %"
    assert promote(store, "iris", versions[0], "production").ended == ""


def test_taking_a_release_back_names_the_shadow_that_it_ends(
    store: WritableStore, registry: Registry, versions: tuple[str, str]
) -> None:
    for version in versions:
        promote(store, "iris", version, "production")
    document = json.loads(registry.read(ALIAS))
    document["shadow"] = {"version": versions[0], "percent": 2.5}
    registry.write(ALIAS, json.dumps(document).encode())
    release = rollback(store, "iris", "production")
    assert (release.alias.version, release.alias.shadow) == (versions[0], None)
    assert release.ended == f"shadow {versions[0]} at 2.5 %"


def test_a_release_is_taken_back(store: WritableStore, versions: tuple[str, str]) -> None:
    for version in versions:
        promote(store, "iris", version, "production")
    release = rollback(store, "iris", "production")
    assert (release.before, release.alias.version) == versions[::-1]
    assert release.alias.history[-1].action == "rollback"
    assert now(store) == versions[0]


def test_the_first_release_cannot_be_taken_back(
    store: WritableStore, versions: tuple[str, str]
) -> None:
    promote(store, "iris", versions[0], "production")
    with pytest.raises(UsageError, match=f"expected a version before {versions[0]}"):
        rollback(store, "iris", "production")
    assert now(store) == versions[0]


@pytest.mark.usefixtures("versions")
def test_without_an_alias_there_is_nothing_to_take_back(store: WritableStore) -> None:
    with pytest.raises(RegistryError, match="production"):
        rollback(store, "iris", "production")


@pytest.mark.parametrize("source", ["staging", "20200101T000000Z-00000000"])
def test_what_is_not_there_is_not_released(
    store: WritableStore, registry: Registry, versions: tuple[str, str], source: str
) -> None:
    promote(store, "iris", versions[0], "production")
    before = registry.read(ALIAS)
    with pytest.raises(RegistryError):
        promote(store, "iris", source, "production")
    assert registry.read(ALIAS) == before


@pytest.mark.parametrize("name", ["../iris", "iris/x", ""])
def test_a_name_that_none_can_have_is_refused(
    store: WritableStore, versions: tuple[str, str], name: str
) -> None:
    with pytest.raises(UsageError):
        rollback(store, name, "production")
    with pytest.raises(UsageError):
        promote(store, "iris", versions[0], name)


def test_a_release_that_somebody_else_made_meanwhile_is_not_taken_back(
    store: WritableStore, versions: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    older, newer = versions
    for version in (older, newer):
        promote(store, "iris", version, "production")
    replace = store.replace

    def slower(path: str, data: bytes, generation: str | None) -> None:
        monkeypatch.setattr(store, "replace", replace)
        promote(store, "iris", older, "production")
        replace(path, data, generation)

    monkeypatch.setattr(store, "replace", slower)
    with pytest.raises(ConflictError):
        rollback(store, "iris", "production")
    history = read_named_alias(store, "iris", "production").history
    assert [change.action for change in history] == ["promote"] * 3


@given(steps=st.lists(st.one_of(st.integers(0, 3), st.just("back")), min_size=1, max_size=12))
def test_taking_back_is_the_undo_of_releasing(
    four: tuple[WritableStore, Sequence[str]], steps: list[int | str]
) -> None:
    store, published = four
    alias = "undo"
    path = Path(store.uri.removeprefix("file://")) / "models" / "iris" / "aliases" / "undo.json"
    path.unlink(missing_ok=True)
    standing: list[str] = []
    for step in steps:
        if isinstance(step, int):
            promote(store, "iris", published[step], alias)
            if not standing or standing[-1] != published[step]:
                standing.append(published[step])
        elif len(standing) > 1:
            standing.pop()
            assert rollback(store, "iris", alias).alias.version == standing[-1]


@pytest.fixture(scope="module")
def four(tmp_path_factory: pytest.TempPathFactory) -> tuple[WritableStore, Sequence[str]]:
    folder = tmp_path_factory.mktemp("four")
    store = open_writable(str(folder / "registry"))
    published = []
    for number in range(4):
        created_at = datetime(2026, 1, 1 + number, tzinfo=UTC)
        manifest = write_tiny_artifact(folder / str(number), created_at=created_at)
        publish(store, manifest, folder / str(number))
        published.append(manifest.version)
    return store, published
