"""What Google answers for a while, before it knows what was made a moment ago."""

from __future__ import annotations

import pytest

from delivery.remainder import more_than_is_left
from tests.infra.lifecycle.cloud.faults import Fault
from tests.infra.lifecycle.deployment import Deployment
from tests.support.infra.terraform import assert_done


@pytest.mark.parametrize(
    "fault",
    [
        Fault("GET", "/b/example-project-dev-models$", times=2, status=404),
        Fault("GET", "/serviceAccounts/function-", times=2, status=404),
        Fault("POST", ":setIamPolicy$", status=409, reason="aborted"),
        Fault("PUT", "/iam$", status=409, reason="conditionNotMet"),
        Fault("POST", "/functions$", times=2, status=429, reason="rateLimitExceeded"),
        Fault("POST", "/alertPolicies$", times=2, status=503),
        Fault("POST", "/metrics$", status=500),
        Fault("POST", ":batchEnable$", polls=2),
        Fault("POST", "/functions$", polls=2),
    ],
    ids=lambda fault: f"{fault.status or 'slow'} {fault.method} {fault.path}",
)
def test_the_provider_waits_by_itself(fresh: Deployment, fault: Fault) -> None:
    fresh.cloud.faults.add([fault])
    assert_done(fresh.apply())
    assert fault.reached.is_set()
    assert fresh.plan().actions == {}


@pytest.mark.parametrize(
    "fault",
    [
        Fault("POST", "/functions$", status=403, message="Permission denied on the build account."),
        Fault("POST", "/functions$", fails=True, message="Build failed: access denied to the zip"),
        Fault(
            "POST", "/alertPolicies$", status=404, message="Cannot find metric that matches type"
        ),
        Fault("POST", "/b$", status=403, message="Cloud KMS: permission denied"),
    ],
    ids=lambda fault: f"{fault.status or 'failed'} {fault.method} {fault.path}",
)
def test_the_next_apply_goes_on_where_this_one_stopped(fresh: Deployment, fault: Fault) -> None:
    allowed = fresh.planned()
    fresh.cloud.faults.add([fault])
    assert fresh.apply().returncode == 1
    # A pipeline applies the rest only then.
    assert more_than_is_left(fresh.planned(), allowed) == []
    assert_done(fresh.apply())
    assert fresh.plan().actions == {}


BUILD_ACCOUNT = (
    "Validation failed: Could not build the function due to a missing permission on the build "
    "service account."
)


@pytest.mark.parametrize(
    "fault",
    [
        Fault("POST", "/functions$", times=2, fails=True, message=BUILD_ACCOUNT),
        Fault("POST", "/functions$", status=403, message="Permission denied on Cloud KMS key."),
        Fault(
            "POST",
            "/alertPolicies$",
            status=404,
            message="Cannot find metric that matches type = "
            '"logging.googleapis.com/user/tflite_functions_dev_errors".',
        ),
    ],
    ids=lambda fault: fault.message[:20],
)
def test_the_pipeline_waits_for_what_the_provider_does_not(fresh: Deployment, fault: Fault) -> None:
    fresh.cloud.faults.add([fault])
    assert_done(fresh.apply_patiently())
    assert fault.reached.is_set()
    assert fresh.plan().actions == {}
