"""What the provider computes and other resources take, by the plan of each root module."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.support.infra.flows import computed_flows
from tests.support.infra.references import mocked_attributes
from tests.support.infra.terraform import assert_done, terraform
from tests.support.places import INFRA

MOCKS = INFRA / "tests" / "mocks" / "google.tfmock.hcl"
ACCOUNT = "resource google_service_account"


def flows(folder: Path, *arguments: str) -> dict[str, set[str]]:
    """The arguments that take a computed attribute, by what a mock of it is called."""
    # Without credentials nothing can be planned, but a plan of what was configured is written.
    terraform("plan", "-input=false", "-lock=false", "-out=flows", *arguments, folder=folder)
    plan = json.loads(assert_done(terraform("show", "-json", "flows", folder=folder)))
    told = assert_done(terraform("providers", "schema", "-json", folder=folder))
    (schema,) = google_schemas(json.loads(told))
    found: dict[str, set[str]] = {}
    for attribute, taken in computed_flows(plan["configuration"], schema, folder).items():
        found.setdefault(str(attribute), set()).update(taken)
    return found


def google_schemas(told: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    schemas = told["provider_schemas"].items()
    return [schema for name, schema in schemas if name.endswith("/google")]


def not_mocked(found: Mapping[str, set[str]]) -> dict[str, set[str]]:
    mocked = mocked_attributes(MOCKS)
    return {attribute: taken for attribute, taken in found.items() if attribute not in mocked}


@pytest.fixture(scope="module")
def deployed(infra: Path) -> dict[str, set[str]]:
    return flows(
        infra,
        "-var-file=environments/dev.tfvars",
        "-var=project_id=example-project",
        "-var=bundle=main.tf",
    )


def test_what_flows_into_other_resources_is_mocked(deployed: dict[str, set[str]]) -> None:
    """A mocked provider makes up eight letters otherwise, which the real one would refuse."""
    assert not_mocked(deployed) == {}


def test_what_flows_into_the_resources_of_bootstrap_is_mocked(infra: Path) -> None:
    folder = infra / "bootstrap"
    assert_done(terraform("init", "-input=false", folder=folder))
    found = flows(folder, "-var-file=example.tfvars")
    assert not_mocked(found) == {}
    assert f"{ACCOUNT}.id" in found


@pytest.mark.parametrize(
    ("attribute", "argument"),
    [
        (
            f"{ACCOUNT}.email",
            "google_cloudfunctions2_function.service_config.service_account_email",
        ),
        # Through an output and a variable, ...
        (f"{ACCOUNT}.id", "google_cloudfunctions2_function.build_config.service_account"),
        # ... a local value, ...
        (
            "resource google_monitoring_notification_channel.id",
            "google_monitoring_alert_policy.notification_channels",
        ),
        # ... and another resource's argument.
        (
            "resource google_storage_bucket.id",
            "google_cloudfunctions2_function.build_config.source.storage_source.bucket",
        ),
    ],
)
def test_a_flow_is_followed(deployed: dict[str, set[str]], attribute: str, argument: str) -> None:
    assert argument in deployed[attribute]


def test_a_budget_is_asked_for_with_a_project_to_bill(infra: Path, deployed: object) -> None:
    assert deployed
    plan = json.loads(assert_done(terraform("show", "-json", "flows", folder=infra)))
    provider = plan["configuration"]["provider_config"]["google"]["expressions"]
    assert "var.monitoring.budget" in provider["user_project_override"]["references"]
    assert provider["billing_project"]["references"] == ["var.project_id"]
