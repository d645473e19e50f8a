"""Where things are in a registry."""

from __future__ import annotations

from hypothesis import given

from tests.support.examples.strategies import names, version_ids
from tflite_serving.contract import layout


def test_the_layout_is_the_documented_one() -> None:
    version = "20260131T235959Z-0123abcd"
    folder = f"models/iris/versions/{version}"
    assert layout.version_folder("iris", version) == folder
    assert layout.file_path("iris", version, "a/b.txt") == f"{folder}/a/b.txt"
    assert layout.manifest_path("iris", version) == f"{folder}/manifest.json"
    assert layout.alias_path("iris", "production") == "models/iris/aliases/production.json"


@given(names, names, version_ids)
def test_aliases_and_versions_never_share_a_path(name: str, alias: str, version: str) -> None:
    assert layout.alias_path(name, alias) != layout.manifest_path(name, version)
    assert ".." not in layout.alias_path(name, alias).split("/")
