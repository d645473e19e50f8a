"""What can be destroyed, and what is refused before anything is touched."""

from __future__ import annotations

from tests.infra.lifecycle.cloud.faults import Fault
from tests.infra.lifecycle.deployment import Deployment
from tests.support.infra.terraform import assert_done

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
    assert prod.cloud.changes == []
    assert "flowers" in process.stderr


def test_a_model_of_prod_gets_another_setting(prod: Deployment) -> None:
    models = {**prod.variables["models"], "flowers": {"models": ["flowers@canary"]}}
    prod.set_models(**models)
    assert not prod.plan().of("delete", "replace")
    assert_done(prod.apply())
    assert prod.plan().actions == {}


def test_one_function_of_prod_is_released_and_goes(prod: Deployment) -> None:
    """As docs/7-deploy.md says."""
    protection = 'module.function["flowers"].terraform_data.protected'
    (address,) = [one for one in prod.addresses if one.startswith(protection)]
    assert_done(prod.run("state", "rm", address))
    prod.set_models(digits=DIGITS)
    plan = prod.plan()
    assert all("flowers" in one for one in plan.of("delete", "replace"))
    assert_done(prod.apply())
    assert not [one for one in prod.cloud.resources if "/flowers" in one and "/o/" not in one]
    assert prod.plan().actions == {}


def test_a_first_build_that_failed_in_prod_is_applied_again(prod: Deployment) -> None:
    prod.set_models(**prod.variables["models"], numbers={"models": ["numbers@production"]})
    prod.cloud.faults.add([Fault("POST", "/functions$", fails=True, message="Build failed")])
    assert prod.apply().returncode == 1
    assert_done(prod.apply())
    assert prod.plan().actions == {}
