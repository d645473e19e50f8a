from __future__ import annotations

from pathlib import Path

import pytest

from model_export.errors import ConflictError
from model_export.registry.open import open_writable
from model_export.registry.store import WritableStore
from tests.support.storage.stores import PATIENCE_SECONDS, BucketRegistry, Registry
from tflite_serving.errors import ObjectNotFound

PATH = "models/iris/aliases/production.json"


def file_of(folder: Path, data: bytes) -> Path:
    (folder / "source").write_bytes(data)
    return folder / "source"


def test_a_file_is_created_whole(store: WritableStore, registry: Registry, tmp_path: Path) -> None:
    store.create("models/a/b", file_of(tmp_path, b"content"))
    assert registry.read("models/a/b") == b"content"
    assert registry.paths() == ["models/a/b"]


def test_a_long_file_is_created_whole(
    store: WritableStore, registry: Registry, tmp_path: Path
) -> None:
    content = bytes(range(256)) * 4 * 9000  # above 8 MiB, where uploads go in several requests
    store.create("models/a/b", file_of(tmp_path, content))
    store.create("models/a/b", file_of(tmp_path, content))
    with pytest.raises(ConflictError):
        store.create("models/a/b", file_of(tmp_path, content[::-1]))
    assert registry.read("models/a/b") == content


def test_an_empty_file_is_a_file(store: WritableStore, registry: Registry, tmp_path: Path) -> None:
    store.create("models/a/b", file_of(tmp_path, b""))
    assert registry.read("models/a/b") == b""


def test_creating_the_same_file_again_is_done(
    store: WritableStore, registry: Registry, tmp_path: Path
) -> None:
    store.create("models/a/b", file_of(tmp_path, b"content"))
    store.create("models/a/b", file_of(tmp_path, b"content"))
    assert registry.read("models/a/b") == b"content"


def test_creating_another_file_in_its_place_is_a_conflict_and_changes_nothing(
    store: WritableStore, registry: Registry, tmp_path: Path
) -> None:
    store.create("models/a/b", file_of(tmp_path, b"content"))
    with pytest.raises(ConflictError, match=f"{store.uri}/models/a/b.*never changed"):
        store.create("models/a/b", file_of(tmp_path, b"CONTENT"))
    assert registry.read("models/a/b") == b"content"
    assert registry.paths() == ["models/a/b"]


def test_a_file_is_replaced_if_it_is_as_it_was_read(store: WritableStore) -> None:
    store.replace(PATH, b"first", None)
    store.replace(PATH, b"second", store.read(PATH).generation)
    assert store.read(PATH).data == b"second"


@pytest.mark.parametrize("meanwhile", [b"theirs", None])
def test_a_file_that_changed_meanwhile_is_a_conflict_and_stays(
    store: WritableStore, registry: Registry, meanwhile: bytes | None
) -> None:
    store.replace(PATH, b"first", None)
    generation = store.read(PATH).generation
    if meanwhile is None:
        registry.delete(PATH)
    else:
        registry.write(PATH, meanwhile)
    with pytest.raises(ConflictError, match=f"{store.uri}/{PATH}.*somebody else"):
        store.replace(PATH, b"ours", generation)
    visible = [path for path in registry.paths() if path.endswith(".json")]
    assert [registry.read(path) for path in visible] == ([meanwhile] if meanwhile else [])


def test_a_file_that_appeared_meanwhile_is_a_conflict_and_stays(
    store: WritableStore, registry: Registry
) -> None:
    registry.write(PATH, b"theirs")
    with pytest.raises(ConflictError, match="somebody else"):
        store.replace(PATH, b"ours", None)
    assert registry.read(PATH) == b"theirs"


def test_a_listing_has_the_names_directly_below_sorted(
    store: WritableStore, registry: Registry
) -> None:
    for path in ("models/b/x", "models/a/y/z", "models/c", "models/a2", "other/d", "models-2/e"):
        registry.write(path, b"")
    assert store.folders("models") == ["a", "b"]
    assert store.files("models") == ["a2", "c"]
    assert store.folders("models/a") == ["y"]


def test_a_long_listing_is_complete(bucket: BucketRegistry) -> None:
    names = [f"{number:04}" for number in range(1100)]
    for name in names:
        bucket.write(f"models/{name}/x", b"")
    assert open_writable(bucket.uri).folders("models") == names


def test_a_registry_where_nothing_is_yet_is_empty(store: WritableStore) -> None:
    assert store.folders("models") == []
    assert store.files("models") == []


def test_a_prefix_holds_a_registry_of_its_own(registry: Registry, tmp_path: Path) -> None:
    inner = open_writable(f"{registry.uri}/team/vision", PATIENCE_SECONDS)
    inner.create("models/a/b", file_of(tmp_path, b"content"))
    inner.replace(PATH, b"alias", None)
    assert registry.read("team/vision/models/a/b") == b"content"
    assert inner.folders("models") == ["a", "iris"]
    assert inner.files("models/iris/aliases") == ["production.json"]
    assert open_writable(registry.uri, PATIENCE_SECONDS).folders("models") == []


@pytest.mark.usefixtures("bucket")
def test_a_bucket_that_is_not_there_is_told_whatever_is_asked(tmp_path: Path) -> None:
    store = open_writable("gs://nobody-has-this", PATIENCE_SECONDS)
    with pytest.raises(ObjectNotFound, match=r"gs://nobody-has-this/models/a/b: .*bucket"):
        store.create("models/a/b", file_of(tmp_path, b"content"))
    with pytest.raises(ObjectNotFound, match="bucket"):
        store.replace(PATH, b"content", None)
    with pytest.raises(ObjectNotFound, match=r"gs://nobody-has-this/models: .*bucket"):
        store.folders("models")
