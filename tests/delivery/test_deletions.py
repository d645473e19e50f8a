"""What a plan may take away, on plans that Terraform itself made.

The resources are Terraform's own `terraform_data`, which need no cloud, and get the types of
Google's in the plan: what Terraform plans for a resource does not depend on whose it is.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from delivery.deletions import GUARDED, DeletionError, check_released, deletions
from tests.support.infra.terraform import assert_done, terraform
from tests.support.places import INFRA

ROOT_MODULE = """
variable "functions" { type = set(string) }
variable "location" { type = string }
variable "broken" {
  type    = set(string)
  default = []
}
module "function" {
  source   = "./function"
  for_each = var.functions
  builds   = !contains(var.broken, each.key)
}
module "models" {
  source   = "./bucket"
  location = var.location
}
resource "terraform_data" "alert" {
  triggers_replace = [var.location]
}
"""
FUNCTION = """
variable "builds" { type = bool }
resource "terraform_data" "function" {
  input = { state = var.builds ? "ACTIVE" : "FAILED" }
  provisioner "local-exec" {
    command = var.builds ? "true" : "false"
  }
}
resource "terraform_data" "invoker" {
  for_each = toset(["web"])
  input    = terraform_data.function.id
}
resource "terraform_data" "object" {}
"""
BUCKET = """
variable "location" { type = string }
resource "terraform_data" "bucket" {
  triggers_replace = [var.location]
}
"""
GOOGLE = {
    "alert": "google_monitoring_alert_policy",
    "bucket": "google_storage_bucket",
    "function": "google_cloudfunctions2_function",
    "invoker": "google_cloud_run_v2_service_iam_member",
    "object": "google_storage_bucket_object",
}
OLD = 'module.function["old"].google_cloudfunctions2_function.function'
INVOKER = 'module.function["old"].google_cloud_run_v2_service_iam_member.invoker["web"]'
BUCKET_ADDRESS = "module.models.google_storage_bucket.bucket"


class Project:
    """A configuration with a state, of two functions and a bucket in EU."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def make(self) -> None:
        """Writes the configuration and applies it."""
        for path, text in (
            ("main.tf", ROOT_MODULE),
            ("function/main.tf", FUNCTION),
            ("bucket/main.tf", BUCKET),
        ):
            (self.folder / path).parent.mkdir(exist_ok=True)
            (self.folder / path).write_text(text)
        assert_done(terraform("init", "-input=false", folder=self.folder))
        assert_done(self._apply(["digits", "old"]))

    def fail_to_add(self, name: str, to: list[str]) -> None:
        """Applies one more function, whose first build fails."""
        assert self._apply([*to, name], f"-var=broken={json.dumps([name])}").returncode == 1

    def taint(self, address: str) -> None:
        """Marks a resource as one that Terraform makes anew."""
        assert_done(terraform("taint", address, folder=self.folder))

    def plan(self, functions: list[str], location: str) -> Any:
        """The plan for other variables, as `terraform show -json` prints it."""
        path = self.folder / "plan"
        given = self._variables(functions, location)
        assert_done(terraform("plan", "-input=false", f"-out={path}", *given, folder=self.folder))
        text = assert_done(terraform("show", "-json", str(path), folder=self.folder))
        plan = json.loads(re.sub(r"terraform_data\.(\w+)", _google, text))
        for change in plan["resource_changes"]:
            change["type"] = GOOGLE[change["name"]]
            if change["name"] == "function" and change["change"]["before"]:
                change["change"]["before"] = change["change"]["before"]["output"]
        return plan

    def _apply(self, functions: list[str], *more: str) -> subprocess.CompletedProcess[str]:
        given = [*self._variables(functions, "EU"), *more]
        return terraform("apply", "-input=false", "-auto-approve", *given, folder=self.folder)

    @staticmethod
    def _variables(functions: list[str], location: str) -> list[str]:
        return [f"-var=functions={json.dumps(functions)}", f"-var=location={location}"]


def _google(match: re.Match[str]) -> str:
    return f"{GOOGLE[match[1]]}.{match[1]}"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    project = Project(tmp_path_factory.mktemp("deletions"))
    project.make()
    return project


@pytest.fixture(scope="module")
def removed(project: Project) -> Any:
    """A plan without the function `old`."""
    return project.plan(["digits"], "EU")


MAY_GO = {
    "google_billing_budget": "tells of costs, and serves nobody",
    "google_cloudbuild_trigger": "starts deliveries, and is made again as it was",
    "google_compute_backend_service": "is behind a listener, which is guarded",
    "google_compute_managed_ssl_certificate": "is replaced for every change of names",
    "google_compute_region_network_endpoint_group": "goes with its function, which is guarded",
    "google_compute_security_policy": "is behind a listener, which is guarded",
    "google_compute_ssl_policy": "is behind a listener, which is guarded",
    "google_compute_subnetwork_iam_member": "is given again by the next plan",
    "google_compute_target_http_proxy": "is behind a listener, which is guarded",
    "google_compute_target_https_proxy": "is behind a listener, which is guarded",
    "google_compute_url_map": "is behind a listener, which is guarded",
    "google_iam_workload_identity_pool": "lets a pipeline in, and serves nobody",
    "google_iam_workload_identity_pool_provider": "lets a pipeline in, and serves nobody",
    "google_logging_metric": "counts, and serves nobody",
    "google_monitoring_alert_policy": "warns, and serves nobody",
    "google_monitoring_custom_service": "counts, and serves nobody",
    "google_monitoring_dashboard": "shows, and serves nobody",
    "google_monitoring_notification_channel": "warns, and serves nobody",
    "google_monitoring_slo": "counts, and serves nobody",
    "google_monitoring_uptime_check_config": "checks, and serves nobody",
    "google_project_iam_custom_role": "is the pipeline's, and serves nobody",
    "google_project_iam_member": "is given again by the next plan, and its account is guarded",
    "google_project_service": "stays enabled: disable_on_destroy is false",
    "google_service_account_iam_member": "is the pipeline's, and serves nobody",
    "google_storage_bucket_object": "is uploaded again by the next delivery",
    "terraform_data": "is nothing outside the state",
}
"""The types of resources that a plan may delete unasked, each with the reason."""


def refused(plan: Any, release: str = "") -> str:
    with pytest.raises(DeletionError) as caught:
        check_released(deletions(plan), release)
    return str(caught.value)


def test_a_function_that_was_never_built_may_be_made_anew(project: Project, tmp_path: Path) -> None:
    """Terraform taints it, and would replace it with the next plan."""
    shutil.copytree(project.folder, tmp_path / "project", symlinks=True)
    broken = Project(tmp_path / "project")
    broken.fail_to_add("new", to=["digits", "old"])
    plan = broken.plan(["digits", "old", "new"], "EU")
    (made_anew,) = [
        change for change in plan["resource_changes"] if "delete" in change["change"]["actions"]
    ]
    assert made_anew["action_reason"] == "replace_because_tainted"
    assert made_anew["type"] == GOOGLE["function"]
    assert deletions(plan) == []


def test_a_function_that_answers_is_not_replaced_because_somebody_tainted_it(
    project: Project, tmp_path: Path
) -> None:
    shutil.copytree(project.folder, tmp_path / "project", symlinks=True)
    tainted = Project(tmp_path / "project")
    tainted.taint('module.function["old"].terraform_data.function')
    assert f"replaces the function {OLD} (replace because tainted)" in refused(
        tainted.plan(["digits", "old"], "EU")
    )


@pytest.mark.parametrize(
    ("resource_type", "before", "guarded"),
    [
        ("google_cloudfunctions2_function", {"state": "FAILED"}, []),
        ("google_cloudfunctions2_function", {"state": "ACTIVE"}, ["function"]),
        ("google_cloudfunctions2_function", {"state": "DEPLOYING"}, ["function"]),
        ("google_cloudfunctions2_function", {}, ["function"]),
        ("google_cloud_run_v2_service", {"latest_ready_revision": ""}, []),
        ("google_cloud_run_v2_service", {"latest_ready_revision": None}, []),
        ("google_cloud_run_v2_service", {"latest_ready_revision": "digits-00001-abc"}, ["service"]),
        ("google_cloud_run_v2_service", {}, ["service"]),
        ("google_storage_bucket", {"state": "FAILED"}, ["bucket"]),
        ("google_cloud_run_v2_service_iam_member", {}, ["invoker"]),
    ],
)
def test_what_is_tainted_is_guarded_once_it_has_answered(
    resource_type: str, before: dict[str, str | None], guarded: list[str]
) -> None:
    change = {
        "address": "a",
        "type": resource_type,
        "action_reason": "replace_because_tainted",
        "change": {"actions": ["delete", "create"], "before": before},
    }
    assert [one.kind for one in deletions({"resource_changes": [change]})] == guarded
    change["action_reason"] = "replace_because_cannot_update"
    assert deletions({"resource_changes": [change]})


def test_every_type_of_resource_is_guarded_or_may_go_for_a_reason() -> None:
    types = {
        found
        for path in INFRA.rglob("*.tf")
        for found in re.findall(r'^resource "(\w+)"', path.read_text(), flags=re.MULTILINE)
    }
    guarded = {each for each in types if any(kind.fullmatch(each) for kind in GUARDED.values())}
    assert len(types) > 20
    assert types - guarded == set(MAY_GO)


@pytest.mark.parametrize(
    ("resource_type", "kind"),
    [
        ("google_service_account", "account"),
        ("google_storage_bucket_iam_member", "reader"),
        ("google_secret_manager_secret_iam_member", "reader"),
        ("google_artifact_registry_repository", "image repository"),
        ("google_compute_global_address", "address"),
        ("google_compute_global_forwarding_rule", "listener"),
        ("google_storage_managed_folder", "folder"),
    ],
)
def test_what_a_function_cannot_do_without_is_guarded(resource_type: str, kind: str) -> None:
    change = {"address": "a", "type": resource_type, "change": {"actions": ["delete"]}}
    assert [one.kind for one in deletions({"resource_changes": [change]})] == [kind]


def test_what_is_added_takes_nothing_away(project: Project) -> None:
    assert deletions(project.plan(["digits", "old", "new"], "EU")) == []


def test_a_function_that_is_removed_is_told_with_its_callers_and_nothing_else(removed: Any) -> None:
    told = refused(removed)
    assert f"deletes the function {OLD} (delete because no module)" in told
    assert f"deletes the invoker {INVOKER} (delete because no module)" in told
    assert "google_storage_bucket_object" not in told  # which the next delivery uploads again


def test_the_line_that_is_told_releases_exactly_that(project: Project, removed: Any) -> None:
    (line,) = re.findall(r"RELEASE='(.*)'", refused(removed))
    check_released(deletions(removed), line)
    more = project.plan(["digits"], "US")
    assert f"replaces the bucket {BUCKET_ADDRESS}" in refused(more, line)
    # What was released before stays in the line.
    (longer,) = re.findall(r"RELEASE='(.*)'", refused(more, line))
    check_released(deletions(more), longer)


def test_a_module_releases_what_is_in_it(removed: Any) -> None:
    check_released(deletions(removed), 'module.function["old"]')
    check_released(deletions(removed), " module.function ; ")


@pytest.mark.parametrize(
    "release", ["module.func", 'module.function["ol"]', OLD, 'module.function["digits"]']
)
def test_a_name_that_is_another_or_not_all_releases_not_enough(removed: Any, release: str) -> None:
    assert f"deletes the invoker {INVOKER}" in refused(removed, release)


@pytest.mark.parametrize("release", ["module", INVOKER.removesuffix('"]'), "module.function[", "*"])
def test_the_beginning_of_an_address_releases_nothing(removed: Any, release: str) -> None:
    assert "RELEASE: expected addresses such as" in refused(removed, release)


def test_what_terraform_forgets_is_guarded_like_what_it_deletes() -> None:
    change = {"actions": ["forget"]}
    one = {"address": BUCKET_ADDRESS, "type": "google_storage_bucket", "change": change}
    assert [each.address for each in deletions({"resource_changes": [one]})] == [BUCKET_ADDRESS]


def test_a_bucket_that_moves_is_told_with_the_reason(project: Project) -> None:
    told = refused(project.plan(["digits", "old"], "US"))
    assert f"replaces the bucket {BUCKET_ADDRESS} (because of triggers_replace)" in told
    assert "google_monitoring_alert_policy" not in told


def test_a_release_that_is_left_over_is_refused(project: Project) -> None:
    plan = project.plan(["digits", "old"], "EU")
    assert f"got {BUCKET_ADDRESS}, which it does not" in refused(plan, BUCKET_ADDRESS)


@pytest.mark.parametrize(
    ("resource_type", "kind"),
    [
        ("google_storage_bucket", "bucket"),
        ("google_cloudfunctions_function", "function"),
        ("google_cloudfunctions2_function", "function"),
        ("google_cloud_run_service", "service"),
        ("google_cloud_run_v2_service", "service"),
        ("google_cloud_run_v2_service_iam_member", "invoker"),
        ("google_cloud_run_v2_service_iam_policy", "invoker"),
        ("google_cloudfunctions2_function_iam_binding", "invoker"),
        ("google_kms_crypto_key", "key"),
        ("google_kms_key_ring", "key"),
        ("google_kms_crypto_key_iam_member", "key"),
        ("google_service_account_key", "key"),
        ("google_storage_bucket_object", None),
        ("google_monitoring_service", None),
    ],
)
def test_what_is_guarded(resource_type: str, kind: str | None) -> None:
    change = {"address": "a", "type": resource_type, "change": {"actions": ["delete"]}}
    found = [each.kind for each in deletions({"resource_changes": [change]})]
    assert found == ([] if kind is None else [kind])


def test_each_kind_that_infra_has_is_guarded() -> None:
    text = "".join(path.read_text(encoding="utf-8") for path in INFRA.rglob("*.tf"))
    types = set(re.findall(r'^resource "(\w+)"', text, re.MULTILINE))
    found = {kind for kind in GUARDED for each in types if GUARDED[kind].fullmatch(each)}
    assert found >= {"bucket", "function", "invoker", "key"}
