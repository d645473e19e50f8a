"""An apply that ends half-way."""

from __future__ import annotations

import os
import signal
from threading import Event

from tests.infra.lifecycle.cloud.faults import Fault
from tests.infra.lifecycle.deployment import Deployment
from tests.support.terraform import assert_done

FUNCTION = 'module.function["digits"].google_cloudfunctions2_function.function'
NAME = "projects/example-project/locations/europe-west1/functions/digits"
APPLY = ("apply", "-input=false", "-no-color", "-auto-approve")


def test_an_apply_that_is_asked_to_stop_ends_with_a_whole_state(fresh: Deployment) -> None:
    """As a pipeline asks that is cancelled."""
    fault = Fault("POST", "/functions$", hold=Event())
    fresh.cloud.faults.add([fault])
    with fresh.begin(*APPLY) as process:
        assert fault.reached.wait(120)
        process.send_signal(signal.SIGINT)
        fresh.cloud.faults.clear()
        process.communicate(timeout=120)
    assert process.returncode == 1
    assert FUNCTION in fresh.addresses
    assert_done(fresh.apply())
    assert fresh.plan().actions == {}


def test_after_a_kill_what_was_being_made_is_imported(fresh: Deployment) -> None:
    """A killed Terraform knows nothing of the function that Google goes on building."""
    fault = Fault("POST", "/functions$", polls=100)
    polled = Fault("GET", "/operations/")
    fresh.cloud.faults.add([fault, polled])
    with fresh.begin(*APPLY) as process:
        assert polled.reached.wait(120)
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
    assert FUNCTION not in fresh.addresses
    fresh.cloud.finish()
    process_ = fresh.apply()
    assert process_.returncode == 1
    assert "already exists" in process_.stderr
    assert_done(fresh.run("import", "-input=false", "-no-color", FUNCTION, NAME))
    assert not fresh.plan().of("delete", "replace")
    assert_done(fresh.apply())
    assert fresh.plan().actions == {}
