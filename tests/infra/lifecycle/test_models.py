"""A model more, one less, and one of another name."""

from __future__ import annotations

from tests.infra.lifecycle.deployment import Deployment
from tests.support.infra.terraform import assert_done

DIGITS = {"models": ["digits@production"]}
FLOWERS = {"models": ["flowers@production"]}
FUNCTIONS = "cloudfunctions/v2/projects/example-project/locations/europe-west1/functions"

# What is about all functions, and is written anew where there is one more.
SHARED = ("google_logging_metric", "google_monitoring_dashboard", "google_monitoring_alert_policy")


def test_one_more_leaves_the_others_alone(dev: Deployment) -> None:
    dev.set_models(digits=DIGITS, flowers=FLOWERS)
    plan = dev.plan()
    assert not plan.of("delete", "replace")
    assert not {one for one in plan.of("update") if not any(kind in one for kind in SHARED)}
    assert not {one for one in plan.of("create") if "flowers" not in one}
    assert_done(dev.apply())
    assert f"{FUNCTIONS}/flowers" in dev.cloud.resources
    assert dev.plan().actions == {}


def test_one_less_takes_all_that_was_its_own(dev: Deployment) -> None:
    dev.set_models(digits=DIGITS, flowers=FLOWERS)
    assert_done(dev.apply())
    dev.set_models(digits=DIGITS)
    plan = dev.plan()
    assert all("flowers" in address for address in plan.of("delete"))
    assert not plan.of("create", "replace")
    assert_done(dev.apply())
    left = {one for one in dev.cloud.resources if "flowers" in one and "/o/" not in one}
    assert left == set()
    assert not [
        one
        for one in dev.cloud.policies.granted()
        if "flowers" in one[2] and "deleted:" not in one[2]
    ]
    assert dev.plan().actions == {}


def test_another_name_is_another_function(dev: Deployment) -> None:
    dev.set_models(numbers=DIGITS)
    assert_done(dev.apply())
    assert f"{FUNCTIONS}/numbers" in dev.cloud.resources
    assert f"{FUNCTIONS}/digits" not in dev.cloud.resources
    assert dev.plan().actions == {}


def test_a_function_that_leaves_its_network_has_no_interface_in_it(dev: Deployment) -> None:
    dev.set_models(digits={**DIGITS, "vpc": {"network": "default", "egress": "ALL_TRAFFIC"}})
    assert_done(dev.apply())
    config = dev.cloud.resources.get(f"{FUNCTIONS}/digits")["serviceConfig"]
    assert config["directVpcEgress"] == "VPC_EGRESS_ALL_TRAFFIC"
    assert config["directVpcNetworkInterface"]
    dev.set_models(digits=DIGITS)
    assert_done(dev.apply())
    config = dev.cloud.resources.get(f"{FUNCTIONS}/digits")["serviceConfig"]
    assert not config.get("directVpcNetworkInterface")
    # The provider sends the former egress again, be it null or empty in the configuration. The page
    # says so, and what to do should Google refuse it; once this fails, take that out.
    assert config["directVpcEgress"] == "VPC_EGRESS_ALL_TRAFFIC"
    assert dev.plan().actions == {}
