"""Which version a run takes over into its registry, and which runs take over none."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from delivery.publish import Published
from delivery.release import release
from model_export.registry.open import open_writable
from model_export.registry.operations import list_versions, read_version
from tests.delivery.releases import Prod
from tests.delivery.steps import Steps
from tests.support.storage.stores import Artifact
from tflite_serving.contract import layout


@pytest.fixture
def prod(steps: Steps, artifact: Artifact, newer: Artifact) -> Prod:
    return Prod(steps, artifact, newer)


@pytest.mark.usefixtures("tiny")
def test_a_version_is_published_and_nobody_is_served_by_it(steps: Steps) -> None:
    for _ in range(2):  # the same run again changes nothing
        done = steps.run("publish")
        assert done.returncode == 0, done.stderr
    (listed,) = list_versions(open_writable(steps.variables["REGISTRY"]))
    assert listed.aliases == ()
    published = json.loads((steps.out / "published.json").read_text(encoding="utf-8"))
    assert published == {"model": "iris", "version": listed.manifest.version}


def test_a_canary_that_a_release_ends_is_named(prod: Prod) -> None:
    store = open_writable(str(prod.folder))
    prod.serves(prod.old)
    path = prod.folder / layout.alias_path("iris", "staging")
    document = json.loads(path.read_text(encoding="utf-8"))
    document["canary"] = {"version": prod.new.version, "percent": 20}
    path.write_text(json.dumps(document), encoding="utf-8")
    released = release(store, Published("iris", prod.old.version), "staging")
    assert released.ended == f"canary {prod.new.version} at 20 %"
    assert released.before is None  # which there is nothing to go back to


def test_prod_takes_over_what_staging_tested(steps: Steps, prod: Prod) -> None:
    prod.serves(prod.new)
    prod.tested(prod.new)
    done = steps.run("publish")
    assert done.returncode == 0, done.stderr
    target = open_writable(steps.variables["REGISTRY"])
    assert read_version(target, "iris", prod.new.version) == prod.new


@pytest.mark.parametrize("name", ["model.tflite", "manifest.json"])
def test_prod_refuses_what_it_has_and_staging_has_otherwise(
    steps: Steps, prod: Prod, name: str
) -> None:
    prod.serves(prod.new)
    prod.tested(prod.new)
    assert steps.run("publish").returncode == 0
    assert steps.run("publish").returncode == 0  # what is there, and the same, is taken
    target = Path(steps.variables["REGISTRY"])
    path = target / layout.file_path("iris", prod.new.version, name)
    path.write_bytes(path.read_bytes() + b" ")
    refused = steps.run("publish")
    assert refused.returncode == 5
    assert f"{prod.new.version} is not" in refused.stderr


def test_prod_refuses_what_failed_its_smoke_test(steps: Steps, prod: Prod) -> None:
    prod.tested(prod.old)
    prod.serves(prod.new)
    done = steps.run("publish")
    assert done.returncode == 5
    assert f"{prod.new.version}, which passed no smoke test" in done.stderr
    assert f"VERSION={prod.old.version}" in done.stderr
    assert not Path(steps.variables["REGISTRY"]).exists()


def test_prod_takes_over_a_version_by_its_name(steps: Steps, prod: Prod) -> None:
    prod.serves(prod.new)
    prod.tested(prod.new)
    done = steps.run("publish", VERSION=prod.old.version)
    assert done.returncode == 0, done.stderr
    assert prod.old.version in done.stdout


def test_prod_refuses_a_file_that_was_changed_on_the_way(steps: Steps, prod: Prod) -> None:
    prod.serves(prod.new)
    prod.tested(prod.new)
    (model,) = prod.folder.glob(f"models/iris/versions/{prod.new.version}/model.tflite")
    model.write_bytes(b"another model")
    done = steps.run("publish")
    assert done.returncode == 5
    assert "model.tflite" in done.stderr
    assert not list(Path(steps.variables["REGISTRY"]).rglob("manifest.json"))


@pytest.mark.usefixtures("prod")
def test_prod_exports_nothing(steps: Steps) -> None:
    done = steps.run("publish", FROM_REGISTRY="")
    assert done.returncode == 2
    assert "FROM_REGISTRY: expected the registry of staging" in done.stderr
