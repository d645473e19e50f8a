"""What a release is taken back to, and what nobody gets without a delivery."""

from __future__ import annotations

from pathlib import Path

import pytest

from model_export.registry.open import open_writable
from model_export.registry.operations import move_alias, publish
from tests.delivery.releases import alias
from tests.delivery.steps import Steps, write_recipe
from tests.support.storage.stores import Artifact


@pytest.fixture
def prod(steps: Steps, artifact: Artifact, newer: Artifact) -> Steps:
    """A run in prod that nobody approved, where the newer version took the place of the other."""
    registry = steps.folder / "prod"
    store = open_writable(str(registry))
    for made in (artifact, newer):
        publish(store, made.manifest, made.folder)
        move_alias(store, "iris", "production", made.manifest.version, "promote")
    recipe = str(write_recipe(steps.folder))
    steps.variables.update(
        ENVIRONMENT="prod", RECIPE=recipe, REGISTRY=str(registry), ALIAS="production"
    )
    return steps


@pytest.mark.parametrize("is_named", [True, False])
def test_a_release_is_taken_back_without_an_approval(
    prod: Steps,
    artifact: Artifact,
    is_named: bool,  # noqa: FBT001
) -> None:
    version = artifact.manifest.version
    done = prod.run("rollback", VERSION=version if is_named else "")
    assert done.returncode == 0, done.stderr
    assert f"iris@production is {version}" in done.stdout
    assert alias(prod.variables["REGISTRY"], "production") == version
    assert prod.calls == []  # no plan, no apply, and nobody is asked


def test_a_version_that_was_never_released_needs_a_delivery(
    prod: Steps, newer: Artifact, artifact: Artifact
) -> None:
    store = open_writable(prod.variables["REGISTRY"])
    move_alias(store, "iris", "candidate", newer.manifest.version, "promote")
    done = prod.run("rollback", ALIAS="candidate", VERSION=artifact.manifest.version)
    assert done.returncode == 2
    assert "expected a version that it named before" in done.stderr
    assert f"these are {newer.manifest.version}" in done.stderr
    assert alias(prod.variables["REGISTRY"], "candidate") == newer.manifest.version


def test_a_version_that_was_taken_back_is_refused_unless_it_is_meant(
    prod: Steps, newer: Artifact, artifact: Artifact
) -> None:
    assert prod.run("rollback").returncode == 0
    done = prod.run("rollback", VERSION=newer.manifest.version)
    assert done.returncode == 2
    assert f"got {newer.manifest.version}, which was taken back" in done.stderr
    assert f"these stand: {artifact.manifest.version}." in done.stderr
    assert alias(prod.variables["REGISTRY"], "production") == artifact.manifest.version
    done = prod.run("rollback", VERSION=newer.manifest.version, EVEN_IF_TAKEN_BACK="1")
    assert done.returncode == 0, done.stderr
    assert alias(prod.variables["REGISTRY"], "production") == newer.manifest.version


def test_a_rollback_to_what_is_there_changes_nothing(prod: Steps, newer: Artifact) -> None:
    path = Path(prod.variables["REGISTRY"]) / "models/iris/aliases/production.json"
    before = path.read_bytes()
    assert prod.run("rollback", VERSION=newer.manifest.version).returncode == 0
    assert path.read_bytes() == before
