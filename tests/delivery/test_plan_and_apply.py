"""plan.sh and apply.sh with Terraform itself, whose state is in a real storage server."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from tests.delivery.steps import ROOT, Steps
from tests.support.fake_gcs import FakeGcs
from tests.support.programs import find_program
from tests.support.stores import BucketRegistry

# With the variables of infra/, and a resource that needs no cloud.
CONFIGURATION = """
terraform {
  backend "gcs" {}
}
variable "environment" { type = string }
variable "project_id" { type = string }
variable "region" { type = string }
variable "bundle" { type = string }
variable "publishers" { type = map(string) }
resource "terraform_data" "function" {
  input = var.bundle
}
output "urls" {
  value = { (var.environment) = terraform_data.function.output }
}
output "publishers" {
  value = var.publishers
}
"""


@pytest.fixture
def project(steps: Steps, fake_gcs: FakeGcs, bucket: BucketRegistry) -> Steps:
    """A tree with a small infra/."""
    terraform = find_program("terraform")
    steps.stand_in("gcloud", "")
    steps.stand_in("terraform", f'exec {terraform} "$@"')
    shutil.copytree(ROOT / "delivery", steps.folder / "delivery")
    (steps.folder / "infra" / "environments").mkdir(parents=True)
    (steps.folder / "infra" / "main.tf").write_text(CONFIGURATION)
    tfvars = steps.folder / "infra" / "environments" / "staging.tfvars"
    tfvars.write_text('environment = "staging"\n')
    steps.variables.update(
        PROJECT_ID="example",
        REGION="europe-west1",
        PIPELINE_ACCOUNT="delivery-staging@example.iam.gserviceaccount.com",
        STATE_BUCKET=bucket.uri.removeprefix("gs://"),
        DELIVERY_BUCKET="example-delivery",
        GOOGLE_BACKEND_STORAGE_CUSTOM_ENDPOINT=f"{fake_gcs.url}/storage/v1/",
        GOOGLE_OAUTH_ACCESS_TOKEN="nobody asks",
    )
    return replace(steps, root=steps.folder)


def planned(project: Steps, out: Path, bundle: str) -> None:
    out.mkdir(exist_ok=True)
    (out / "bundle").write_text(bundle)
    done = project.run("plan", OUT=str(out))
    assert done.returncode == 0, done.stdout + done.stderr
    assert bundle in (out / "plan.txt").read_text()


def test_what_was_planned_is_applied_and_told(project: Steps, bucket: BucketRegistry) -> None:
    planned(project, project.out, "function-1.zip")
    # What changes after the plan was made has no part in it.
    (project.out / "bundle").write_text("function-2.zip")
    done = project.run("apply")
    assert done.returncode == 0, done.stdout + done.stderr
    outputs = json.loads((project.out / "outputs.json").read_text())
    assert outputs["urls"]["value"] == {"staging": "function-1.zip"}
    account = project.variables["PIPELINE_ACCOUNT"]
    assert outputs["publishers"]["value"] == {"pipeline": f"serviceAccount:{account}"}
    assert bucket.paths() == ["tflite-functions/staging/default.tfstate"]


def test_a_plan_that_another_run_overtook_is_refused(project: Steps) -> None:
    overtaken = project.folder / "overtaken"
    planned(project, overtaken, "function-1.zip")
    planned(project, project.out, "function-2.zip")
    assert project.run("apply").returncode == 0
    done = project.run("apply", OUT=str(overtaken))
    assert done.returncode == 1
    assert "stale" in done.stderr
    assert not (overtaken / "outputs.json").exists()
