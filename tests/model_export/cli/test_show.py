"""The commands that look at what is published."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import Result

from model_export.registry.open import open_writable
from tests.support.models.tiny import LABELS, publish_tiny
from tflite_serving.contract.manifest import Manifest, read_manifest

Cli = Callable[..., Result]


def test_an_artifact_is_shown_to_people_and_to_programs(
    cli: Cli, registry: tuple[Path, Manifest]
) -> None:
    folder, manifest = registry
    uri = f"{folder}/models/dense/versions/{manifest.version}"
    result = cli("show", uri)
    assert result.exit_code == 0
    for fact in (manifest.version, "features  4 float32, cm", ", ".join(LABELS), "60 examples"):
        assert fact in result.stdout
    for form in (uri, f"{uri}/", f"{uri}/manifest.json", f"file://{uri}"):
        shown = cli("show", form, "--json")
        assert read_manifest(shown.stdout) == manifest


@pytest.mark.parametrize("place", ["", "/", "/aliases/production", "/aliases/production.json"])
def test_an_alias_is_shown_with_its_history_by_its_uri_or_its_models(
    cli: Cli, registry: tuple[Path, Manifest], place: str
) -> None:
    folder, manifest = registry
    shown = cli("show", f"{folder}/models/dense{place}")
    assert f"dense@production → {manifest.version}" in shown.stdout
    assert "publish" in shown.stdout
    document = json.loads(cli("show", f"{folder}/models/dense{place}", "--json").stdout)
    assert document["version"] == manifest.version
    assert document["history"][0]["action"] == "publish"


@pytest.mark.parametrize(
    ("path", "code", "expected"),
    [
        ("", 2, "expected <registry>/models/<name>, or that with /versions/<version> or /aliases"),
        ("/models/dense/versions", 2, "expected <registry>/models/<name>, or that with /versions"),
        ("/models/dense/labels/x", 2, "expected versions or aliases after the model, got 'labels'"),
        ("/models/dense/versions/20260101T000000Z-01234567", 5, "20260101T000000Z-01234567"),
        ("/models/dense/aliases/staging", 5, "staging.json: there is no such file; the model has "),
        ("/models/other", 5, "other/aliases/production.json: there is no such file; there is no"),
    ],
)
def test_a_uri_that_names_nothing_is_refused(
    cli: Cli, registry: tuple[Path, Manifest], path: str, code: int, expected: str
) -> None:
    result = cli("show", f"{registry[0]}{path}")
    assert result.exit_code == code
    assert expected in result.stderr
    assert result.stdout == ""


def test_names_with_brackets_are_shown_as_they_are(cli: Cli, tmp_path: Path) -> None:
    store = open_writable(str(tmp_path / "registry"))
    manifest = publish_tiny(store, tmp_path / "tiny")
    path = tmp_path / f"registry/models/iris/versions/{manifest.version}/manifest.json"
    path.write_text(path.read_text().replace('"virginica"', '"[/red] :smile: [bold]"'))
    shown = cli("show", f"{tmp_path}/registry/models/iris/versions/{manifest.version}")
    assert "setosa, versicolor, [/red] :smile: [bold]" in shown.stdout


def test_versions_are_listed_newest_first_with_their_aliases(
    cli: Cli, registry: tuple[Path, Manifest], tmp_path: Path
) -> None:
    folder, old = registry
    store = open_writable(str(folder))
    later = datetime(2026, 5, 1, tzinfo=UTC)
    new = publish_tiny(
        store, tmp_path / "new", name="dense", variant="static_int8", created_at=later, alias="next"
    )
    other = publish_tiny(store, tmp_path / "other", name="aster", alias=None)
    lines = [line for line in cli("list", folder).stdout.splitlines() if "Z-" in line]
    assert [line.split()[:2] for line in lines] == [
        ["aster", other.version],
        ["dense", new.version],
        ["dense", old.version],
    ]
    assert "next" in lines[1]
    assert "static_int8" in lines[1]
    assert "accuracy 1.0000" in lines[2]
    rows = [json.loads(line) for line in cli("list", folder, "dense", "--json").stdout.splitlines()]
    assert [row["version"] for row in rows] == [new.version, old.version]
    assert rows[1] == {
        "name": "dense",
        "version": old.version,
        "created_at": old.created_at,
        "aliases": ["production"],
        "variant": "float32",
        "metric": "accuracy",
        "quality": 1.0,
        "bytes": old.files["model.tflite"].bytes,
    }


def test_an_empty_registry_says_so_beside_stdout(cli: Cli, tmp_path: Path) -> None:
    result = cli("list", tmp_path / "nothing")
    assert result.exit_code == 0
    assert result.stdout == ""
    assert "nothing is published here" in result.stderr
    assert cli("list", tmp_path / "nothing", "--json").stdout == ""


def test_a_listing_of_what_is_no_registry_exits_with_5(cli: Cli) -> None:
    assert cli("list", "s3://bucket").exit_code == 5
