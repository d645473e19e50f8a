"""What can be destroyed, and what is refused before anything is touched."""

from __future__ import annotations

from tests.infra.lifecycle.deployment import Deployment
from tests.support.terraform import assert_done

DIGITS = {"models": ["digits@production"], "invokers": {"web": "user:web@example.com"}}


def test_dev_is_destroyed_whole(dev: Deployment) -> None:
    dev.cloud.put("storage/v1/b/example-project-dev-models/o/models%2Fdigits%2Fmanifest.json")
    assert_done(dev.destroy())
    kept = ("cloudresourcemanager/", "cloudbilling/", "serviceusage/", "storage/v1/projects/")
    assert not [one for one in dev.cloud.resources if not one.startswith(kept)]
    assert not [one for one in dev.cloud.policies.granted() if "deleted:" not in one[2]]
    assert dev.addresses == set()


def test_prod_is_not_destroyed_and_nothing_of_it_is_touched(prod: Deployment) -> None:
    process = prod.destroy()
    assert process.returncode == 1
    assert prod.cloud.changes == []


def test_a_model_of_prod_is_not_removed_and_nothing_is_touched(prod: Deployment) -> None:
    prod.set_models(digits=DIGITS)
    process = prod.apply()
    assert process.returncode == 1
    assert "flowers" in process.stderr
    assert prod.cloud.changes == []


def test_a_model_of_prod_gets_another_setting(prod: Deployment) -> None:
    models = {**prod.variables["models"], "flowers": {"models": ["flowers@canary"]}}
    prod.set_models(**models)
    assert not prod.plan().of("delete", "replace")
    assert_done(prod.apply())
    assert prod.plan().actions == {}
