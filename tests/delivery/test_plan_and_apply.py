"""plan.sh, policy.sh and apply.sh with Terraform itself and a state in a real storage server."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from delivery.succession import OvertakenError, check_newer
from tests.delivery.project import bundled, revision
from tests.delivery.steps import Steps
from tests.support.storage.stores import BucketRegistry


def planned(project: Steps, out: Path, number: int, **variables: str) -> None:
    bundled(out, number)
    done = project.run("plan", OUT=str(out))
    assert done.returncode == 0, done.stdout + done.stderr
    done = project.run("policy", OUT=str(out), **variables)
    assert done.returncode == 0, done.stdout + done.stderr


def test_what_was_planned_is_applied_and_told(project: Steps, bucket: BucketRegistry) -> None:
    planned(project, project.out, 1)
    assert "function-1.zip" in (project.out / "plan.txt").read_text()
    # What changes after the plan was made has no part in it.
    (project.out / "bundle").write_text("function-2.zip")
    done = project.run("apply")
    assert done.returncode == 0, done.stdout + done.stderr
    outputs = json.loads((project.out / "outputs.json").read_text())
    assert outputs["bundles"]["value"] == {"staging": "function-1.zip"}
    account = project.variables["PIPELINE_ACCOUNT"]
    assert outputs["publishers"]["value"] == {"pipeline": f"serviceAccount:{account}"}
    assert outputs["release"]["value"]["commit"] == revision(1).commit
    assert bucket.paths() == ["tflite-functions/staging/default.tfstate"]


def test_a_plan_that_another_run_overtook_is_refused(project: Steps) -> None:
    overtaken = project.folder / "overtaken"
    planned(project, overtaken, 1)
    planned(project, project.out, 2)
    assert project.run("apply").returncode == 0
    done = project.run("apply", OUT=str(overtaken))
    assert done.returncode == 1
    assert "stale" in done.stderr
    assert not (overtaken / "outputs.json").exists()


def test_an_older_commit_does_not_follow_a_newer_one(project: Steps) -> None:
    """Builds run side by side, and the one of the older commit may be the last to plan."""
    planned(project, project.out, 2)
    assert project.run("apply").returncode == 0

    older = project.folder / "older"
    bundled(older, 1)
    assert project.run("plan", OUT=str(older)).returncode == 0
    refused = project.run("policy", OUT=str(older))
    assert refused.returncode == 1
    assert "REFUSED: commit 0000" in refused.stderr
    assert f"run with REPLACES={revision(2).commit}" in refused.stderr
    done = project.run("apply", OUT=str(older))
    assert done.returncode == 1
    assert "policy.sh" in done.stderr

    # On purpose, it does; and the same permission is of no use for the next one.
    planned(project, older, 1, REPLACES=revision(2).commit)
    assert project.run("apply", OUT=str(older)).returncode == 0
    bundled(project.out, 0)
    assert project.run("plan").returncode == 0
    assert project.run("policy", REPLACES=revision(2).commit).returncode == 1


def test_the_same_commit_is_delivered_again(project: Steps) -> None:
    for _ in range(2):
        planned(project, project.out, 1)
        done = project.run("apply")
        assert done.returncode == 0, done.stderr


def test_a_plan_that_changed_after_it_was_judged_is_not_applied(project: Steps) -> None:
    planned(project, project.out, 1)
    another = project.folder / "another"
    bundled(another, 2)
    assert project.run("plan", OUT=str(another)).returncode == 0
    shutil.copy(another / "plan.tfplan", project.out / "plan.tfplan")
    done = project.run("apply")
    assert done.returncode == 1
    assert "expected a plan that policy.sh allowed" in done.stderr


def test_a_run_that_needs_no_approval_does_not_plan_prod(project: Steps) -> None:
    """Approvals hang on the run's environment, and what infra/ makes on that of the tfvars."""
    tfvars = project.folder / "infra" / "environments" / "staging.tfvars"
    tfvars.write_text('environment = "prod"\n')
    bundled(project.out, 1)
    assert project.run("plan").returncode == 0
    done = project.run("policy")
    assert done.returncode == 1
    assert "REFUSED: infra/environments/staging.tfvars: expected another environment" in done.stderr
    assert not (project.out / "allowed").exists()


def test_without_a_lock_of_providers_nothing_is_planned(project: Steps) -> None:
    (project.root / "infra" / ".terraform.lock.hcl").unlink()
    bundled(project.out, 1)
    done = project.run("plan")
    assert done.returncode == 1
    assert "terraform -chdir=infra providers lock -platform=linux_amd64" in done.stderr
    assert project.calls == []


def test_functions_that_no_version_can_be_tested_on_are_not_made(project: Steps) -> None:
    tfvars = project.folder / "infra" / "environments" / "staging.tfvars"
    tfvars.write_text(f'{tfvars.read_text()}models = "iris@staging"\n')
    bundled(project.out, 1)
    assert project.run("plan").returncode == 0
    done = project.run("policy")
    assert done.returncode == 1
    assert "expected iris@candidate among its models beside iris@staging" in done.stderr
    assert not (project.out / "allowed").exists()


def test_functions_that_give_a_candidate_to_everybody_are_not_made(project: Steps) -> None:
    tfvars = project.folder / "infra" / "environments" / "staging.tfvars"
    tfvars.write_text(f'{tfvars.read_text()}models = "other@x,iris@candidate,iris@staging"\n')
    bundled(project.out, 1)
    assert project.run("plan").returncode == 0
    done = project.run("policy")
    assert done.returncode == 1
    assert "expected iris@candidate behind the alias that clients follow" in done.stderr
    assert not (project.out / "allowed").exists()


def test_a_commit_of_a_time_to_come_locks_nobody_out() -> None:
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    with pytest.raises(OvertakenError, match="expected a time that is past"):
        check_newer(replace(revision(1), committed_at=tomorrow), None, "")
    soon = (datetime.now(UTC) + timedelta(minutes=5)).strftime("%Y-%m-%dT%H:%M:%SZ")
    check_newer(replace(revision(1), committed_at=soon), revision(2), "")


def test_of_two_commits_of_one_second_nobody_knows_the_newer() -> None:
    one = revision(1)
    with pytest.raises(OvertakenError, match="expected one that is newer"):
        check_newer(replace(one, commit="f" * 40), one, "")
    check_newer(one, one, "")
