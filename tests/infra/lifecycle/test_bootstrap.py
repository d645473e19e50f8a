"""infra/bootstrap, from two new projects to pipelines, and over a bucket that was made by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.infra.lifecycle.cloud.fake import Snapshot
from tests.infra.lifecycle.deployment import Deployment
from tests.support.infra.terraform import assert_done

STAGING, PROD = "example-project", "example-prod"
KEY = f"projects/{STAGING}/locations/europe-west1/keyRings/ring/cryptoKeys/key"
STATE = f"storage/v1/b/{STAGING}-terraform"
GITHUB = {"repository_id": "123456789", "owner_id": "1234567"}


def trigger(project: str, **event: Any) -> dict[str, Any]:
    connection = f"projects/{project}/locations/europe-west4/connections/github"
    names = ("python", "gcloud", "terraform")
    return {
        "repository": f"{connection}/repositories/functions",
        "approval_required": True,
        "images": {name: f"{name}@sha256:{'0' * 64}" for name in names},
        **event,
    }


@pytest.fixture
def bootstrap(tmp_path: Path, initialised: Deployment, empty: Snapshot) -> Deployment:
    """Pipelines of staging and prod, with every option, that were never applied."""
    cloud = initialised.cloud
    cloud.restore(empty)
    cloud.add_project(PROD)
    folder = initialised.copy(tmp_path / "infra", cloud).folder / "bootstrap"
    people = {
        "approvers": {"a": "group:a@example.com"},
        "rollbackers": {"r": "group:r@example.com"},
    }
    environments = {
        "staging": {
            "project_id": STAGING,
            "github": {**GITHUB, "ref": "refs/heads/main"},
            "trigger": trigger(STAGING, branch="^main$"),
            **people,
        },
        "prod": {
            "project_id": PROD,
            "from": "staging",
            "github": {**GITHUB, "ref": "refs/tags/v*"},
            "trigger": trigger(PROD, tag="^v"),
            **people,
        },
    }
    deployment = Deployment(folder, cloud, {"environments": environments})
    assert_done(deployment.run("init", "-input=false"))
    return deployment


def test_bootstrap_is_applied_to_new_projects_and_stays(bootstrap: Deployment) -> None:
    assert_done(bootstrap.apply())
    plan = bootstrap.plan()
    assert (plan.actions, plan.outputs) == ({}, frozenset())
    granted = set(bootstrap.cloud.policies.granted())
    pipeline = f"serviceAccount:delivery-prod@{PROD}.iam.gserviceaccount.com"
    reads = (f"cloudresourcemanager/v1/projects/{STAGING}", "roles/storage.objectViewer", pipeline)
    assert reads in granted


def test_bootstrap_takes_over_the_bucket_of_the_state(bootstrap: Deployment) -> None:
    """It stays where it is, and gets the versions and the key that a state should have."""
    cloud = bootstrap.cloud
    cloud.put(f"serviceusage/v1/projects/{STAGING}/services/cloudkms.googleapis.com")
    cloud.put(f"cloudkms/v1/{KEY}")
    cloud.put(STATE, location="EU")
    staging = {**bootstrap.variables["environments"]["staging"], "kms_key_name": KEY}
    bootstrap.variables["environments"] = {"staging": staging}
    refused = bootstrap.apply()
    assert refused.returncode == 1
    assert "alreadyExists" in refused.stderr
    staging["import_state"] = True
    assert "1 imported" in assert_done(bootstrap.apply())
    bucket = cloud.resources.get(STATE)
    assert bucket["location"] == "EU"
    assert bucket["versioning"]["enabled"]
    assert bucket["encryption"] == {"defaultKmsKeyName": KEY}
    assert bootstrap.plan().actions == {}
