"""A small infra/ that Terraform itself applies, with its state in a real storage server."""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict, replace
from pathlib import Path

from delivery.revision import Revision
from tests.delivery.steps import Steps
from tests.support.places import ROOT
from tests.support.programs.installed import find_program
from tests.support.storage.fake_gcs import FakeGcs
from tests.support.storage.stores import BucketRegistry

# With the variables and outputs of infra/, and a resource that needs no cloud.
CONFIGURATION = """
terraform {
  backend "gcs" {}
}
variable "environment" { type = string }
variable "project_id" { type = string }
variable "region" { type = string }
variable "bundle" { type = string }
variable "publishers" { type = map(string) }
variable "release" { type = object({ commit = string, committed_at = string, digest = string }) }
variable "url" { default = "https://flowers" }
variable "models" { default = "iris@staging,iris@candidate" }
resource "terraform_data" "function" {
  input = var.bundle
}
output "bundles" {
  value = { (var.environment) = terraform_data.function.output }
}
output "urls" {
  value = { flowers = var.url }
}
output "environments" {
  value = { flowers = { MODELS = var.models, BUNDLE_DIGEST = var.release.digest } }
}
output "publishers" {
  value = var.publishers
}
output "release" {
  value = var.release
}
"""


def make_project(steps: Steps, fake_gcs: FakeGcs, bucket: BucketRegistry) -> Steps:
    """A tree with a small infra/, and steps that run in it.

    Args:
        steps: The steps of a run to staging.
        fake_gcs: Storage server.
        bucket: Bucket of the state.
    """
    terraform = find_program("terraform")
    steps.stand_in("gcloud", "")
    steps.stand_in("terraform", f'exec {terraform} "$@"')
    shutil.copytree(ROOT / "delivery", steps.folder / "delivery")
    (steps.folder / "infra" / "environments").mkdir(parents=True)
    (steps.folder / "infra" / "main.tf").write_text(CONFIGURATION)
    # It needs no provider but Terraform's own.
    (steps.folder / "infra" / ".terraform.lock.hcl").write_text("")
    tfvars = steps.folder / "infra" / "environments" / "staging.tfvars"
    tfvars.write_text('environment = "staging"\n')
    steps.variables.update(
        PROJECT_ID="example",
        REGION="europe-west1",
        PIPELINE_ACCOUNT="delivery-staging@example.iam.gserviceaccount.com",
        STATE_BUCKET=bucket.uri.removeprefix("gs://"),
        DELIVERY_BUCKET="example-delivery",
        ALIAS="staging",
        CANDIDATE_ALIAS="candidate",
        GOOGLE_BACKEND_STORAGE_CUSTOM_ENDPOINT=f"{fake_gcs.url}/storage/v1/",
        GOOGLE_OAUTH_ACCESS_TOKEN="nobody asks",
    )
    return replace(steps, root=steps.folder)


PLANNED = {
    "planned_values": {
        "outputs": {
            "urls": {},
            "environments": {"value": {"flowers": {"MODELS": "iris@staging,iris@candidate"}}},
        }
    }
}
"""As much of a plan as says which aliases a function is to serve."""


def revision(number: int) -> Revision:
    """A commit that is the younger, the larger its number is."""
    return Revision(f"{number:040x}", f"2026-03-01T00:00:{number:02}Z", f"{number:064x}")


def bundled(out: Path, number: int) -> None:
    """Leaves what publish.sh and bundle.sh leave, of `revision`."""
    out.mkdir(exist_ok=True)
    (out / "bundle").write_text(f"function-{number}.zip\n")
    (out / "revision.json").write_text(json.dumps(asdict(revision(number))))
    published = out / "published.json"
    if not published.exists():
        published.write_text('{"model": "iris", "version": "20260131T235959Z-0123abcd"}')
