"""Two applies at once."""

from __future__ import annotations

from threading import Event

from tests.infra.lifecycle.cloud.faults import Fault
from tests.infra.lifecycle.deployment import Deployment
from tests.support.infra.terraform import assert_done


def test_the_second_is_refused_while_the_first_goes_on(fresh: Deployment) -> None:
    fault = Fault("POST", "/functions$", hold=Event())
    fresh.cloud.faults.add([fault])
    with fresh.begin_apply() as first:
        assert fault.reached.wait(120)
        before = len(fresh.cloud.changes)
        second = fresh.apply("-lock-timeout=1s")
        assert second.returncode == 1
        assert "Error acquiring the state lock" in second.stderr
        assert len(fresh.cloud.changes) == before
        fresh.cloud.faults.clear()
        first.wait(120)
    assert first.returncode == 0
    assert fresh.plan().actions == {}


def test_a_plan_that_is_older_than_the_state_is_refused(dev: Deployment) -> None:
    """Of two pipelines that planned before either applied, the second plans again."""
    dev.set_models(digits={"models": ["digits@canary"]})
    assert_done(dev.run("plan", "-input=false", "-out=older"))
    dev.set_models(digits={"models": ["digits@production"], "max_instances": 3})
    assert_done(dev.apply())
    process = dev.run("apply", "-input=false", "-no-color", "older")
    assert process.returncode == 1
    assert "stale" in process.stderr
