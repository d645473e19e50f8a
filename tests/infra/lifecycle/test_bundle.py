"""The zip: its content decides, and not where it is."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.infra.lifecycle.deployment import Deployment
from tests.support.infra.terraform import assert_done

FUNCTION = 'module.function["digits"].google_cloudfunctions2_function.function'
SOURCES = "storage/v1/b/example-project-dev-sources/o"


def test_the_same_zip_under_another_path_changes_nothing(dev: Deployment) -> None:
    moved = dev.folder.parent / "elsewhere" / "bundle.zip"
    moved.parent.mkdir()
    shutil.copy(dev.variables["bundle"], moved)
    dev.variables["bundle"] = str(moved)
    assert dev.plan().actions == {}
    assert_done(dev.apply())
    assert dev.cloud.changes == []


def test_the_same_zip_under_a_relative_path_changes_nothing(dev: Deployment) -> None:
    shutil.copy(dev.variables["bundle"], dev.folder / "bundle.zip")
    dev.variables["bundle"] = "bundle.zip"
    assert dev.plan().actions == {}


def test_a_new_zip_updates_the_function_in_place(dev: Deployment) -> None:
    bundle = dev.folder.parent / "new.zip"
    bundle.write_bytes(b"PK two")
    dev.variables["bundle"] = str(bundle)
    plan = dev.plan()
    assert plan.actions[FUNCTION] == "update"
    assert not plan.of("delete")
    assert {one for one in plan.actions if "bundle" not in one} == {FUNCTION}
    assert_done(dev.apply())
    assert dev.plan().actions == {}
    source = dev.source_of("digits")
    assert f"{SOURCES}/{source.replace('/', '%2F')}" in dev.cloud.resources


def test_the_former_zip_comes_back(dev: Deployment) -> None:
    """As a rollback of the code does."""
    former = Path(dev.variables["bundle"])
    bundle = dev.folder.parent / "new.zip"
    bundle.write_bytes(b"PK two")
    source = dev.source_of("digits")
    for zipped in (bundle, former):
        dev.variables["bundle"] = str(zipped)
        assert_done(dev.apply())
    assert dev.source_of("digits") == source
    assert dev.plan().actions == {}
