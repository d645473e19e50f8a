"""What a project owner applies once, with Terraform itself and the provider's real schema."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

import pytest

from tests.support.infra.terraform import assert_done, terraform
from tests.support.places import INFRA

BOOTSTRAP = INFRA / "bootstrap"
MOCKED = """
mock_provider "google" {
  source = "../tests/mocks"
}

run "example" {
  command = plan

  # A mocked cloud has nothing that could be taken over.
  override_resource {
    target = module.delivery["staging"].google_storage_bucket.bucket["example-staging-terraform"]
    values = {}
  }
}
"""


@pytest.fixture(scope="module")
def bootstrap(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy that has its provider, so that the tree stays as it is."""
    infra = tmp_path_factory.mktemp("bootstrap") / "infra"
    shutil.copytree(INFRA, infra, ignore=shutil.ignore_patterns(".terraform*"))
    folder = infra / "bootstrap"
    process = terraform("init", "-backend=false", "-input=false", folder=folder)
    if process.returncode and not os.environ.get("CI"):
        pytest.skip("terraform init cannot get the provider")
    assert_done(process)
    return folder


def test_it_keeps_what_it_promises(bootstrap: Path) -> None:
    told = assert_done(terraform("test", "-no-color", folder=bootstrap))
    assert re.search(r"Success! [1-9]\d* passed, 0 failed", told), told


def test_the_example_needs_its_digests_and_nothing_else(bootstrap: Path) -> None:
    example = (BOOTSTRAP / "example.tfvars").read_text(encoding="utf-8")
    (bootstrap / "tests" / "example.tftest.hcl").write_text(MOCKED)
    variables = bootstrap / "mine.tfvars"
    only = ("test", "-no-color", "-filter=tests/example.tftest.hcl", f"-var-file={variables}")

    variables.write_text(example)
    refused = terraform(*only, folder=bootstrap)
    assert refused.returncode == 1
    assert "expected images as NAME@sha256:DIGEST" in refused.stdout + refused.stderr

    variables.write_text(example.replace("DIGEST", "0" * 64))
    assert_done(terraform(*only, folder=bootstrap))


def test_the_pipeline_may_give_what_infra_gives() -> None:
    """A role on the project that a module of infra/ gives must be among those that may be given."""
    given: set[str] = set()
    others = [INFRA / "modules" / "delivery", BOOTSTRAP]
    for path in INFRA.rglob("*.tf"):
        if any(folder in path.parents for folder in others):
            continue
        text = path.read_text(encoding="utf-8")
        for block in re.findall(r'"google_project_iam_member" .*?\n\}', text, re.DOTALL):
            roles = set(re.findall(r"roles/[\w.]+", block))
            assert roles, f"{path}: name the role where it is given"
            given |= roles
    variables = (INFRA / "modules" / "delivery" / "variables.tf").read_text(encoding="utf-8")
    (default,) = re.findall(r'"grantable_roles" .*?default +=(.*?)\n', variables, re.DOTALL)
    assert given == set(re.findall(r"roles/[\w.]+", default))
