"""An apply that ends half-way."""

from __future__ import annotations

import os
import signal
from threading import Event

from tests.infra.lifecycle.cloud.faults import Fault
from tests.infra.lifecycle.deployment import Deployment
from tests.support.infra.terraform import assert_done

FUNCTION = 'module.function["digits"].google_cloudfunctions2_function.function'
NAME = "projects/example-project/locations/europe-west1/functions/digits"


def test_an_apply_that_is_asked_to_stop_knows_what_it_began(fresh: Deployment) -> None:
    """As a pipeline asks that is cancelled."""
    polled = Fault("GET", "/locations/.+/operations/", hold=Event())
    fresh.cloud.faults.add([Fault("POST", "/functions$", polls=100), polled])
    with fresh.begin_apply() as process:
        assert polled.reached.wait(120)
        process.send_signal(signal.SIGINT)
        fresh.cloud.finish()
        fresh.cloud.faults.clear()
        process.wait(120)
    assert FUNCTION in fresh.addresses
    assert_done(fresh.apply())
    assert fresh.plan().actions == {}


def test_after_a_kill_what_was_being_made_is_imported(fresh: Deployment) -> None:
    """A killed Terraform knows nothing of the function that Google goes on building."""
    fault = Fault("POST", "/functions$", polls=100)
    polled = Fault("GET", "/locations/.+/operations/")
    fresh.cloud.faults.add([fault, polled])
    with fresh.begin_apply() as process:
        assert polled.reached.wait(120)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(120)
    assert FUNCTION not in fresh.addresses
    fresh.cloud.finish()
    again = fresh.apply()
    assert again.returncode == 1
    assert "already exists" in again.stderr
    assert_done(fresh.run("import", "-input=false", "-no-color", FUNCTION, NAME))
    assert not fresh.plan().of("delete", "replace")
    assert_done(fresh.apply())
    assert fresh.plan().actions == {}
