"""Which version an alias names after a run, and which runs leave it alone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from model_export.registry.opening import open_writable
from model_export.registry.verbs import read_named_alias, read_version
from tests.delivery.releases import Prod, alias
from tests.delivery.steps import Steps
from tests.support.stores import Artifact
from tflite_serving.contract import layout
from tflite_serving.contract.manifest import Manifest


@pytest.fixture
def prod(steps: Steps, artifact: Artifact, newer: Artifact) -> Prod:
    return Prod(steps, artifact, newer)


def test_the_same_run_again_leaves_the_alias_as_it_is(steps: Steps, tiny: Manifest) -> None:
    registry = steps.variables["REGISTRY"]
    for _ in range(2):
        done = steps.run("publish")
        assert done.returncode == 0, done.stderr
    document = read_named_alias(open_writable(registry), "iris", "staging")
    assert [change.version for change in document.history] == [tiny.version]


def test_a_canary_that_a_release_ends_is_named(steps: Steps, prod: Prod) -> None:
    prod.serves(prod.new)
    prod.tested(prod.new)
    assert steps.run("publish").returncode == 0
    path = Path(steps.variables["REGISTRY"]) / layout.alias_path("iris", "production")
    document = json.loads(path.read_text(encoding="utf-8"))
    document["canary"] = {"version": prod.new.version, "percent": 20}
    path.write_text(json.dumps(document), encoding="utf-8")
    done = steps.run("publish")
    assert done.returncode == 0, done.stderr
    assert f"ended: canary {prod.new.version} at 20 %" in done.stdout
    released = json.loads((steps.out / "released.json").read_text(encoding="utf-8"))
    assert released["ended"] == f"canary {prod.new.version} at 20 %"


def test_prod_takes_over_what_staging_tested(steps: Steps, prod: Prod) -> None:
    prod.serves(prod.new)
    prod.tested(prod.new)
    done = steps.run("publish")
    assert done.returncode == 0, done.stderr
    target = open_writable(steps.variables["REGISTRY"])
    assert alias(target.uri, "production") == prod.new.version
    assert read_version(target, "iris", prod.new.version) == prod.new


def test_prod_refuses_what_failed_its_smoke_test(steps: Steps, prod: Prod) -> None:
    prod.tested(prod.old)
    prod.serves(prod.new)
    done = steps.run("publish")
    assert done.returncode == 5
    assert f"{prod.new.version}, which passed no smoke test" in done.stderr
    assert f"VERSION={prod.old.version}" in done.stderr
    assert not Path(steps.variables["REGISTRY"]).exists()


def test_prod_goes_back_to_a_version_by_its_name(steps: Steps, prod: Prod) -> None:
    prod.serves(prod.new)
    prod.tested(prod.new)
    assert steps.run("publish").returncode == 0
    done = steps.run("publish", VERSION=prod.old.version)
    assert done.returncode == 0, done.stderr
    assert alias(steps.variables["REGISTRY"], "production") == prod.old.version
    assert f"before {prod.new.version}" in done.stdout


def test_prod_refuses_a_file_that_was_changed_on_the_way(steps: Steps, prod: Prod) -> None:
    prod.serves(prod.new)
    prod.tested(prod.new)
    (model,) = prod.folder.glob(f"models/iris/versions/{prod.new.version}/model.tflite")
    model.write_bytes(b"another model")
    done = steps.run("publish")
    assert done.returncode == 5
    assert "model.tflite" in done.stderr
    assert not list(Path(steps.variables["REGISTRY"]).rglob("manifest.json"))


@pytest.mark.parametrize("approval", [None, "run-0"])
def test_prod_is_not_touched_without_an_approval_of_this_run(
    steps: Steps, prod: Prod, approval: str | None
) -> None:
    prod.serves(prod.new)
    prod.tested(prod.new)
    (steps.out / "approved").unlink()
    if approval is not None:
        (steps.out / "approved").write_text(approval)
    done = steps.run("publish")
    assert done.returncode == 1
    assert "not approved" in done.stderr
    assert not Path(steps.variables["REGISTRY"]).exists()


@pytest.mark.usefixtures("prod")
def test_prod_exports_nothing(steps: Steps) -> None:
    done = steps.run("publish", FROM_REGISTRY="")
    assert done.returncode == 2
    assert "FROM_REGISTRY: expected the registry of staging" in done.stderr
