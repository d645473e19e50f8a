"""The steps that talk to a cloud: what they ask it for, and what they refuse to."""

from __future__ import annotations

import json
import shutil
import subprocess
from dataclasses import replace

import pytest

from tests.delivery.project import PLANNED, bundled, revision
from tests.delivery.steps import Steps
from tests.support.places import ROOT

KEPT = "gs://example-delivery/runs/run-1/"
DIGEST = "sha256:" + "0123456789abcdef" * 4
TERRAFORM = """
for argument; do case $argument in -out=*) echo "a plan" >"${argument#-out=}" ;; esac; done
case "$2 $3" in
  output*) echo '{"urls": {}}' ;;
  "show -json") echo '__PLAN__' ;;
  show*) echo "1 to add" ;;
esac
exit "${TERRAFORM_EXIT:-0}"
"""


@pytest.fixture
def cloud(steps: Steps) -> Steps:
    """A run whose Terraform and gcloud do what they are told; nobody approved it."""
    steps.stand_in("terraform", TERRAFORM.replace("__PLAN__", json.dumps(PLANNED)))
    steps.stand_in("gcloud", 'if [ "$1" = builds ]; then echo "${STATE:-}"; fi')
    steps.stand_in("gh", 'echo "${STATE:-}"')
    steps.variables.update(
        PROJECT_ID="example",
        REGION="europe-west1",
        LOCATION="europe-west1",
        PIPELINE_ACCOUNT="delivery-staging@example.iam.gserviceaccount.com",
        STATE_BUCKET="example-terraform",
        DELIVERY_BUCKET="example-delivery",
        ALIAS="staging",
        CANDIDATE_ALIAS="candidate",
    )
    steps.out.mkdir()
    bundled(steps.out, 1)
    return steps


def ran(done: subprocess.CompletedProcess[str], code: int = 0) -> str:
    assert done.returncode == code, done.stdout + done.stderr
    return done.stderr


def test_the_plan_is_of_one_environment_and_is_kept(cloud: Steps) -> None:
    ran(cloud.run("plan"))
    initialised, planned, _, _, kept = cloud.calls
    assert "-backend-config=bucket=example-terraform" in initialised
    assert " -lockfile=readonly " in initialised
    assert "-backend-config=prefix=tflite-functions/staging" in initialised
    assert "-var-file=environments/staging.tfvars" in planned
    assert "-var=project_id=example -var=region=europe-west1" in planned
    assert "-var=bundle=function-1.zip" in planned
    assert '-var=publishers={pipeline="serviceAccount:delivery-staging@example.' in planned
    assert f'-var=release={{"commit": "{revision(1).commit}"' in planned
    assert kept.endswith("plan.txt " + str(cloud.out / "plan.tfplan") + " " + KEPT)
    assert (cloud.out / "plan.txt").read_text() == "1 to add\n"


def test_the_file_that_was_planned_is_what_is_applied(cloud: Steps) -> None:
    ran(cloud.run("plan"))
    ran(cloud.run("policy"))
    ran(cloud.run("apply"))
    applied = [call for call in cloud.calls if " apply " in call]
    assert len(applied) == 1
    assert applied[0].endswith(f"-lock-timeout=300s {cloud.out / 'plan.tfplan'}")
    assert (cloud.out / "outputs.json").read_text() == '{"urls": {}}\n'


def test_a_plan_that_nothing_judged_is_not_applied(cloud: Steps) -> None:
    ran(cloud.run("plan"))
    assert "expected a plan that policy.sh allowed" in ran(cloud.run("apply"), 1)
    assert not [call for call in cloud.calls if " apply " in call]


@pytest.mark.parametrize("step", ["publish", "candidate", "release"])
@pytest.mark.parametrize("approval", [None, "run-0"])
def test_prod_is_not_touched_without_an_approval_of_this_run(
    cloud: Steps, step: str, approval: str | None
) -> None:
    if approval is not None:
        (cloud.out / "approved").write_text(approval)
    aliases = {"ALIAS": "production", "CANDIDATE_ALIAS": "candidate", "TESTED_ALIAS": "tested"}
    registries = {"REGISTRY": "gs://example-models", "FROM_REGISTRY": "gs://example-staging"}
    accounts = {"SMOKE_ACCOUNT": "smoke", "RECIPE": "recipe.toml"}
    given = {**aliases, **registries, **accounts}
    assert "not approved" in ran(cloud.run(step, ENVIRONMENT="prod", **given), 1)
    assert cloud.calls == []


def test_a_plan_that_fails_leaves_nothing_to_apply(cloud: Steps) -> None:
    (cloud.out / "plan.tfplan").write_text("of the run before")
    ran(cloud.run("plan", TERRAFORM_EXIT="1"), 1)
    assert "there is no plan" in ran(cloud.run("apply"), 1)
    assert not [call for call in cloud.calls if " apply " in call]


@pytest.mark.parametrize("state", ["", "PENDING", "REJECTED"])
def test_cloud_build_does_not_touch_prod_unless_it_is_approved(cloud: Steps, state: str) -> None:
    ran(cloud.run("plan", ENVIRONMENT="prod"))
    told = ran(cloud.run("apply", ENVIRONMENT="prod", BUILD_ID="b-1", STATE=state), 1)
    assert "prod: this run was not approved" in told
    assert not [call for call in cloud.calls if " apply " in call]
    assert not (cloud.out / "approved").exists()


def test_cloud_build_touches_prod_once_it_is_approved(cloud: Steps) -> None:
    ran(cloud.run("plan", ENVIRONMENT="prod"))
    ran(cloud.run("policy"))  # of staging, which asks for no signature
    ran(cloud.run("apply", ENVIRONMENT="prod", BUILD_ID="b-1", STATE="APPROVED"))
    (asked,) = [call for call in cloud.calls if call.startswith("gcloud builds")]
    assert "describe b-1 --region=europe-west1 --project=example" in asked
    assert [call for call in cloud.calls if " apply " in call]


@pytest.mark.parametrize(("state", "code"), [("true", 0), ("false", 1)])
def test_github_is_asked_who_approved_the_run(cloud: Steps, state: str, code: int) -> None:
    run = {"GITHUB_RUN_ID": "7", "GITHUB_REPOSITORY": "example/functions"}
    ran(cloud.run("approved", ENVIRONMENT="prod", STATE=state, **run), code)
    assert "repos/example/functions/actions/runs/7/approvals" in cloud.calls[0]
    assert (cloud.out / "approved").exists() is (code == 0)


def test_prod_is_not_delivered_from_a_laptop(cloud: Steps) -> None:
    told = ran(cloud.run("approved", ENVIRONMENT="prod"), 1)
    assert "expected a run of Cloud Build or GitHub Actions" in told


def test_an_approval_of_another_run_is_taken_away(cloud: Steps) -> None:
    (cloud.out / "approved").write_text("run-0\n")
    ran(cloud.run("approved", ENVIRONMENT="prod", BUILD_ID="b", STATE=""), 1)
    assert not (cloud.out / "approved").exists()


@pytest.mark.parametrize("name", ["production", "PROD", "prod ", "prod-eu", "preprod", "x;y", "-"])
def test_no_other_name_passes_for_prod(cloud: Steps, name: str) -> None:
    """Each would need no approval, because approvals are demanded of prod by that name."""
    told = ran(cloud.run("approved", ENVIRONMENT=name), 2)
    assert "ENVIRONMENT: expected prod, or 2 to 16 lower-case letters or digits" in told
    assert not (cloud.out / "approved").exists()


@pytest.mark.parametrize("step", ["attest", "policy"])
def test_prod_demands_a_signing_key(cloud: Steps, step: str) -> None:
    told = ran(cloud.run(step, ENVIRONMENT="prod", PIPELINE_ACCOUNT="delivery"), 2)
    assert "SIGNING_KEY: expected a version of a key in Cloud KMS, because prod deploys" in told


def test_overrides_of_several_lines_are_refused(cloud: Steps) -> None:
    """The second line would be left out without a word."""
    given = {"RECIPE": "recipe.toml", "REGISTRY": "r", "ALIAS": "a"}
    told = ran(cloud.run("rollback", EXPORT_SET="model.name=a\nmodel.name=b", **given), 2)
    assert "EXPORT_SET: expected one line" in told


def test_staging_needs_no_approval(cloud: Steps) -> None:
    ran(cloud.run("approved"))
    assert cloud.calls == []


def test_images_are_named_by_digest(steps: Steps) -> None:
    ran(steps.run("pinned", PYTHON_IMAGE=f"python:3.12@{DIGEST}"))


@pytest.mark.parametrize("image", ["python:3.12", "python@sha256:0123", ""])
def test_an_image_without_a_digest_is_refused(steps: Steps, image: str) -> None:
    told = ran(steps.run("pinned", GCLOUD_IMAGE=f"gcloud@{DIGEST}", PYTHON_IMAGE=image), 2)
    assert f"PYTHON_IMAGE: expected NAME@sha256:DIGEST, got '{image}'" in told
    assert "docker buildx imagetools inspect" in told
    assert "GCLOUD_IMAGE:" not in told


def test_no_image_at_all_is_a_mistake(steps: Steps) -> None:
    assert "got none" in ran(steps.run("pinned"), 2)


def test_what_a_model_is_trained_from_is_fetched(cloud: Steps) -> None:
    ran(cloud.run("sources", SOURCES="gs://example-delivery/sources/flowers"))
    (call,) = cloud.calls
    assert call.startswith("gcloud storage rsync --recursive gs://example-delivery/sources/flowers")
    assert call.endswith(f" {cloud.out / 'sources'}")


def test_sources_that_are_no_bucket_are_refused(cloud: Steps) -> None:
    assert "SOURCES: expected gs://BUCKET/FOLDER" in ran(cloud.run("sources", SOURCES="folder"), 2)


def test_terraform_is_brought_along(cloud: Steps) -> None:
    tools = cloud.folder / "tools"
    ran(cloud.run("tools", TOOLS=str(tools)))
    assert (tools / "terraform").read_bytes() == (cloud.folder / "bin/terraform").read_bytes()
    ran(cloud.run("plan", TOOLS=str(tools)))


@pytest.mark.parametrize(("ci", "told"), [("", "make test for nobody"), ("true", "ci")])
def test_all_tests_are_what_is_run(steps: Steps, ci: str, told: str) -> None:
    steps.stand_in("make", 'echo "make $* for ${RECIPE:-nobody}"')
    # Of a tree of its own: this one's tests are running.
    tree = replace(steps, root=steps.folder)
    shutil.copytree(ROOT / "delivery", tree.root / "delivery")
    (steps.folder / ".ci").mkdir()
    (steps.folder / ".ci" / "run").write_text("#!/usr/bin/env bash\necho ci\n")
    (steps.folder / ".ci" / "run").chmod(0o755)
    done = tree.run("test", CI=ci, RECIPE="flowers.toml")
    assert (done.returncode, done.stdout) == (0, f"{told}\n")
