"""Cloud Run services: what is planned fits the program, and docs/11-cloud-run.md says so."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.support.infra.terraform import applied
from tests.support.places import INFRA, ROOT
from tflite_serving.service.routes import ROUTER
from tflite_serving.settings import Settings

PAGE = (ROOT / "docs" / "11-cloud-run.md").read_text(encoding="utf-8")
VARIABLES = (INFRA / "variables.tf").read_text(encoding="utf-8")
REGIONS = ["europe-west1", "us-east1"]
POOL = "projects/example-project/locations/europe-west1/workerPools/private"


@pytest.fixture(scope="module")
def planned(infra: Path) -> list[Mapping[str, Any]]:
    """The resources of a service in two regions, behind a public name."""
    return applied(
        infra,
        project_id="example-project",
        region=REGIONS[0],
        environment="staging",
        bundle="main.tf",
        models={
            "flowers": {
                "platform": "service",
                "models": ["iris"],
                "ingress": "ALLOW_INTERNAL_AND_GCLB",
                "service": {"regions": REGIONS, "mount_registry": True, "startup_probe": "ready"},
            },
            "digits": {"models": ["digits"]},
        },
        build_worker_pool=POOL,
        public_edge={"hosts": {"api.example.com": {"function": "flowers"}}},
    )


@pytest.fixture(scope="module")
def services(planned: list[Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    """The services by their region."""
    found = [r["values"] for r in planned if r["type"] == "google_cloud_run_v2_service"]
    return {v["location"]: v for v in found if "template" in v and v.get("ingress")}


def container(service: Mapping[str, Any]) -> Mapping[str, Any]:
    (template,) = service["template"]
    (only,) = template["containers"]
    return dict(only)


def environment(service: Mapping[str, Any]) -> dict[str, str]:
    return {variable["name"]: variable["value"] for variable in container(service)["env"]}


def test_the_planned_environment_is_one_that_the_service_takes(
    services: Mapping[str, Mapping[str, Any]],
) -> None:
    assert sorted(services) == REGIONS
    for service in services.values():
        settings = Settings.from_env(environment(service))
        (template,) = service["template"]
        assert [str(model) for model in settings.models] == ["iris@production"]
        # The service itself answers that it took too long, before the platform cuts it off.
        assert settings.request_timeout_seconds < int(template["timeout"].removesuffix("s"))
        assert settings.max_in_flight == template["max_instance_request_concurrency"]


def test_the_registry_is_read_where_its_bucket_is_mounted(
    services: Mapping[str, Mapping[str, Any]],
) -> None:
    for service in services.values():
        (mount,) = container(service)["volume_mounts"]
        (volume,) = service["template"][0]["volumes"]
        assert environment(service)["MODEL_REGISTRY"] == f"file://{mount['mount_path']}"
        assert volume["gcs"][0]["bucket"] == "example-project-staging-models"
        assert volume["gcs"][0]["read_only"]


def test_probes_ask_for_routes_that_there_are(services: Mapping[str, Mapping[str, Any]]) -> None:
    known = {route.template for route in ROUTER.routes if route.method == "GET"}
    for service in services.values():
        for probe in ("startup_probe", "liveness_probe"):
            (block,) = container(service)[probe]
            assert block["http_get"][0]["path"] in known
            assert block["timeout_seconds"] <= block["period_seconds"]


def test_each_region_takes_tokens_for_the_public_name(
    services: Mapping[str, Mapping[str, Any]],
) -> None:
    assert [service["custom_audiences"] for service in services.values()] == [
        ["https://api.example.com"]
    ] * 2


def test_each_region_runs_as_an_account_of_its_own(planned: list[Mapping[str, Any]]) -> None:
    accounts = [
        r["values"]["account_id"]
        for r in planned
        if r["type"] == "google_service_account" and r["address"].startswith("module.service")
    ]
    assert len(accounts) == len(set(accounts)) == 2


def test_each_region_has_its_way_in_and_a_region_that_fails_is_left_out(
    planned: list[Mapping[str, Any]],
) -> None:
    groups = [r["values"] for r in planned if r["type"].endswith("network_endpoint_group")]
    assert sorted(group["region"] for group in groups) == REGIONS
    assert {group["cloud_run"][0]["service"] for group in groups} == {"flowers"}
    (backend,) = [r["values"] for r in planned if r["type"] == "google_compute_backend_service"]
    assert backend["outlier_detection"]


def test_all_images_are_built_in_the_private_pool(planned: list[Mapping[str, Any]]) -> None:
    builds = [block for r in planned for block in r["values"].get("build_config", [])]
    assert {build["worker_pool"] for build in builds} == {POOL}
    assert len(builds) == 3


def test_every_field_of_a_service_is_explained() -> None:
    (block,) = re.findall(
        r"^    service = optional\(object\(\{(.*?)^    \}\)\)", VARIABLES, re.MULTILINE | re.DOTALL
    )
    fields = set(re.findall(r"^      (\w+) +=", block, re.MULTILINE))
    text = section("What a service can be told")
    assert set(re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE)) == fields


def test_what_answers_a_policy_is_a_variable() -> None:
    variables = set(re.findall(r'^variable "(\w+)"', VARIABLES, re.MULTILINE))
    fields = set(re.findall(r"^ {4,6}(\w+) += ", VARIABLES, re.MULTILINE))
    rows = re.findall(r"^\| `.*\| (.*) \|$", section("Organisation policies"), re.MULTILINE)
    assert len(rows) >= 10
    for row in rows:
        names = {name.split(" ")[0] for name in re.findall(r"`([^`]+)`", row)}
        assert names <= variables | fields | {"egress"}, row


def section(heading: str) -> str:
    _, text = PAGE.split(f"\n## {heading}\n")
    return text.split("\n## ")[0]
