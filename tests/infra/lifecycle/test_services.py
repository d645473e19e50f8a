"""A model on Cloud Run itself instead of Cloud Functions."""

from __future__ import annotations

from delivery.deletions import deletions
from tests.infra.lifecycle.cloud.faults import Fault
from tests.infra.lifecycle.deployment import Deployment
from tests.support.infra.terraform import assert_done

DIGITS = {"models": ["digits@production"]}
SERVICE = {"models": ["flowers@production"], "platform": "service"}


def test_a_service_is_applied_stays_and_gets_a_new_zip(dev: Deployment) -> None:
    dev.set_models(digits=DIGITS, flowers=SERVICE)
    assert_done(dev.apply())
    assert dev.plan().actions == {}
    bundle = dev.folder.parent / "new.zip"
    bundle.write_bytes(b"PK two")
    dev.variables["bundle"] = str(bundle)
    assert_done(dev.apply())
    assert dev.plan().actions == {}


def test_a_service_whose_first_build_failed_is_applied_again(dev: Deployment) -> None:
    dev.set_models(digits=DIGITS, flowers=SERVICE)
    dev.cloud.faults.add([Fault("POST", "run/v2/.*/services$", fails=True, message="Build failed")])
    assert dev.apply().returncode == 1
    assert deletions(dev.planned()) == []  # which the pipeline would refuse
    assert_done(dev.apply())
    assert dev.plan().actions == {}


def test_an_update_of_a_service_whose_build_failed_is_not_taken_for_done(dev: Deployment) -> None:
    dev.set_models(digits=DIGITS, flowers=SERVICE)
    assert_done(dev.apply())
    bundle = dev.folder.parent / "new.zip"
    bundle.write_bytes(b"PK two")
    dev.variables["bundle"] = str(bundle)
    dev.cloud.faults.add([Fault("PATCH", "run/v2/.*/flowers$", fails=True, message="Build failed")])
    assert dev.apply().returncode == 1
    assert dev.run("plan", "-input=false", "-detailed-exitcode").returncode
    assert_done(dev.apply())
    assert dev.plan().actions == {}
