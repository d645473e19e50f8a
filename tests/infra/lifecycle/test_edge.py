"""The load balancer: put in front, changed, taken away."""

from __future__ import annotations

from tests.infra.lifecycle.deployment import BEHIND_EDGE, EDGE, Deployment
from tests.support.infra.terraform import assert_done


def test_it_is_put_in_front_of_a_function_that_serves(dev: Deployment) -> None:
    dev.set_models(digits=BEHIND_EDGE)
    dev.variables["public_edge"] = EDGE
    assert not dev.plan().of("delete", "replace")
    assert_done(dev.apply())
    assert dev.plan().actions == {}


def test_it_is_taken_away_and_nothing_else_goes(edged: Deployment) -> None:
    edged.variables["public_edge"] = None
    others = {one for one in edged.plan().actions if not one.startswith("module.edge[0].")}
    assert others == {'google_project_service.needed["compute.googleapis.com"]'}
    assert_done(edged.apply())
    assert not [one for one in edged.cloud.resources if one.startswith("compute/")]
    assert edged.plan().actions == {}


def test_a_function_leaves_it_and_goes(edged: Deployment) -> None:
    both = {"hosts": {"api.example.com": {"paths": {"/digits": "digits", "/flowers": "flowers"}}}}
    edged.set_models(digits=BEHIND_EDGE, flowers={**BEHIND_EDGE, "models": ["flowers"]})
    edged.variables["public_edge"] = both
    assert_done(edged.apply())
    edged.set_models(digits=BEHIND_EDGE)
    edged.variables["public_edge"] = EDGE
    assert_done(edged.apply())
    assert not [one for one in edged.cloud.resources if "/flowers" in one and "/o/" not in one]
    assert edged.plan().actions == {}


def test_a_name_is_added_without_a_new_certificate_for_the_others(edged: Deployment) -> None:
    hosts = {**EDGE["hosts"], "www.example.com": {"function": "digits"}}
    edged.variables["public_edge"] = {"hosts": hosts}
    assert not edged.plan().of("delete", "replace")
    assert_done(edged.apply())
    assert edged.plan().actions == {}
