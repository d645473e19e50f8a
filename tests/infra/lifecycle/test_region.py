"""Another region: functions move, the registry does not without being told."""

from __future__ import annotations

from tests.infra.lifecycle.deployment import Deployment
from tests.support.infra.terraform import assert_done

REGISTRY = "storage/v1/b/example-project-dev-models"
MODEL = f"{REGISTRY}/o/models%2Fdigits%2Faliases%2Fproduction.json"


def test_a_registry_with_models_is_not_deleted_by_a_move(dev: Deployment) -> None:
    dev.cloud.put(MODEL)
    dev.variables["region"] = "europe-north1"
    process = dev.apply()
    assert process.returncode == 1
    assert "location" in process.stderr
    assert dev.cloud.changes == []
    assert MODEL in dev.cloud.resources


def test_functions_move_and_the_registry_stays(dev: Deployment) -> None:
    dev.cloud.put(MODEL)
    dev.variables |= {"region": "europe-north1", "bucket_location": "europe-west1"}
    assert_done(dev.apply())
    assert MODEL in dev.cloud.resources
    places = {one.split("/")[5] for one in dev.cloud.resources if "/functions/" in one}
    assert places == {"europe-north1"}
    assert dev.plan().actions == {}


def test_the_registry_moves_under_another_name(dev: Deployment) -> None:
    """As docs/7-deploy.md says; the former one is deleted by hand, once its models are copied."""
    dev.cloud.put(MODEL)
    assert_done(dev.run("state", "rm", "module.models.google_storage_bucket.models"))
    dev.variables |= {"region": "europe-west4", "bucket_prefix": "example-west4"}
    assert_done(dev.apply("-replace=module.models.terraform_data.place[0]"))
    moved = dev.cloud.resources.get("storage/v1/b/example-west4-models")
    assert moved["location"] == "EUROPE-WEST4"
    assert MODEL in dev.cloud.resources
    assert dev.plan().actions == {}
