"""What the address of an artifact or an alias names."""

from __future__ import annotations

from pathlib import Path

import pytest

from model_export.errors import RegistryError, UsageError
from model_export.registry.address import find_artifact, find_document
from model_export.registry.open import open_writable
from tests.support.models.tiny import publish_tiny
from tflite_serving.contract.alias import AliasDocument
from tflite_serving.contract.manifest import Manifest


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Manifest]:
    folder = tmp_path_factory.mktemp("published")
    registry = str(folder / "models" / "registry")  # the folder of models is the last of its name
    return registry, publish_tiny(open_writable(registry), folder / "artifact")


@pytest.mark.parametrize("form", ["{}", "{}/", "{}/manifest.json"])
def test_a_version_is_named_by_its_folder_or_its_manifest(
    published: tuple[str, Manifest], form: str
) -> None:
    registry, manifest = published
    uri = form.format(f"{registry}/models/iris/versions/{manifest.version}")
    assert find_document(uri) == manifest
    assert find_artifact(uri) == (registry, manifest)


@pytest.mark.parametrize("place", ["", "/", "/aliases/production", "/aliases/production.json"])
def test_an_alias_comes_to_the_version_that_it_names(
    published: tuple[str, Manifest], place: str
) -> None:
    registry, manifest = published
    document = find_document(f"{registry}/models/iris{place}")
    assert isinstance(document, AliasDocument)
    assert (document.alias, document.version) == ("production", manifest.version)
    assert find_artifact(f"{registry}/models/iris{place}") == (registry, manifest)


@pytest.mark.parametrize(
    ("place", "kind", "complaint"),
    [
        ("", UsageError, "expected <registry>/models/<name>, or that with /versions/"),
        ("/models/iris/aliases", UsageError, "expected <registry>/models/<name>, or that with"),
        ("/models/iris/labels/a", UsageError, "expected versions or aliases after the model, got"),
        ("/models/iris/aliases/nightly", RegistryError, "nightly.json: there is no such file"),
        ("/models/rose", RegistryError, "rose/aliases/production.json: there is no such file"),
    ],
)
def test_what_names_nothing_is_refused(
    tmp_path: Path,
    published: tuple[str, Manifest],
    place: str,
    kind: type[Exception],
    complaint: str,
) -> None:
    registry = published[0] if place else str(tmp_path)
    for find in (find_document, find_artifact):
        with pytest.raises(kind, match=complaint):
            find(f"{registry}{place}")
