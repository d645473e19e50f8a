"""From an empty project to functions, and nothing left to do."""

from __future__ import annotations

from tests.infra.lifecycle.deployment import BEHIND_EDGE, EDGE, Deployment
from tests.support.infra.terraform import assert_done

REGION = "projects/example-project/locations/europe-west1"
KEY = f"{REGION}/keyRings/ring/cryptoKeys/key"


def test_a_second_plan_is_empty(dev: Deployment) -> None:
    plan = dev.plan()
    assert (plan.actions, plan.outputs) == ({}, frozenset())


def test_a_second_apply_changes_nothing(dev: Deployment) -> None:
    told = assert_done(dev.apply())
    assert "0 added, 0 changed, 0 destroyed" in told
    assert dev.cloud.changes == []


def test_everything_at_once_is_applied_and_stays(fresh: Deployment) -> None:
    """Edge, key, secrets, network, budget, uptime check and publishers."""
    cloud = fresh.cloud
    for api in ("cloudkms", "secretmanager"):  # or there would be neither key nor secret
        cloud.put(f"serviceusage/v1/projects/example-project/services/{api}.googleapis.com")
    cloud.put(f"cloudkms/v1/{KEY}")
    cloud.put("secretmanager/v1/projects/example-project/secrets/token")
    fresh.variables |= {
        "publishers": {"pipeline": "user:pipeline@example.com"},
        "kms_key_name": KEY,
        "docker_repository": f"{REGION}/repositories/images",
        "public_edge": {**EDGE, "waf": {"sqli-v33-stable": 1}, "denied_regions": ["XX"]},
        "monitoring": {
            "emails": {"team": "team@example.com"},
            "budget": {"billing_account": "000000-000000-000000", "amount": 50, "currency": "USD"},
            "functions": {"flowers": {"uptime": {}, "expects": {"requests": 1, "minutes": 60}}},
        },
    }
    fresh.set_models(
        digits=BEHIND_EDGE,
        flowers={
            "models": ["flowers"],
            "invokers": {"web": "user:web@example.com"},
            "secrets": {"TOKEN": {"secret": "token"}},
            "vpc": {"network": "default"},
            "env": {"LOG_LEVEL": "DEBUG"},
            "labels": {"team": "vision"},
            "min_instances": 1,
        },
    )
    assert_done(fresh.apply())
    assert fresh.plan().actions == {}
    assert_done(fresh.destroy())
