"""A build that fails, and the apply after it."""

from __future__ import annotations

import pytest

from delivery.deletions import deletions
from tests.infra.lifecycle.cloud.faults import Fault
from tests.infra.lifecycle.deployment import BEHIND_EDGE, EDGE, Deployment
from tests.support.infra.terraform import assert_done

FUNCTION = 'module.function["digits"].google_cloudfunctions2_function.function'
PATH = "cloudfunctions/v2/projects/example-project/locations/europe-west1/functions/digits"


@pytest.mark.parametrize("edge", [None, EDGE], ids=["alone", "behind the edge"])
def test_a_first_build_that_failed_is_applied_again(fresh: Deployment, edge: object) -> None:
    fresh.variables["public_edge"] = edge
    fresh.set_models(digits=BEHIND_EDGE)
    fault = Fault("POST", "/functions$", fails=True, message="Build failed: no such package")
    fresh.cloud.faults.add([fault])
    process = fresh.apply()
    assert process.returncode == 1
    assert "no such package" in process.stderr
    assert deletions(fresh.planned()) == []  # which the pipeline would refuse
    assert_done(fresh.apply())
    assert fresh.cloud.resources.get(PATH)["state"] == "ACTIVE"
    assert fresh.plan().actions == {}


def test_a_first_build_that_failed_of_one_more_model_leaves_the_others_alone(
    edged: Deployment,
) -> None:
    edged.set_models(digits=BEHIND_EDGE, flowers={"models": ["flowers"]})
    fault = Fault("POST", "/functions$", fails=True, message="Build failed")
    edged.cloud.faults.add([fault])
    assert edged.apply().returncode == 1
    changes = edged.plan().of("delete", "replace")
    assert not {one for one in changes if "flowers" not in one}
    assert_done(edged.apply())
    assert edged.plan().actions == {}


@pytest.mark.parametrize("keeps", [False, True], ids=["ACTIVE as before", "FAILED"])
def test_an_update_whose_build_failed_is_not_taken_for_done(
    dev: Deployment,
    keeps: bool,  # noqa: FBT001
) -> None:
    """Google does not say which of the two it is."""
    bundle = dev.folder.parent / "new.zip"
    bundle.write_bytes(b"PK two")
    dev.variables["bundle"] = str(bundle)
    former = dev.source_of("digits")
    fault = Fault("PATCH", "/functions/digits$", fails=True, keeps=keeps, message="Build failed")
    dev.cloud.faults.add([fault])
    assert dev.apply().returncode == 1
    process = dev.run("plan", "-input=false", "-no-color", "-detailed-exitcode")
    assert process.returncode, "the plan is empty"
    if "rebuild" in process.stderr:  # refused, with what helps
        dev.set_models(digits={"models": ["digits@production"], "rebuild": "1"})
    assert dev.plan().actions.get(FUNCTION) == "update"
    assert_done(dev.apply())
    assert dev.source_of("digits") != former
    assert dev.cloud.resources.get(PATH)["state"] == "ACTIVE"
    assert dev.plan().actions == {}
