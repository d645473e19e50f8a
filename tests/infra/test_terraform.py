"""The Terraform configuration, with Terraform itself and the provider's real schema."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.support.infra.graph import created_before_destroyed
from tests.support.infra.references import computed_references, mocked_attributes
from tests.support.infra.terraform import assert_done, terraform
from tests.support.places import INFRA

MODULES = sorted((INFRA / "modules").iterdir())


def test_the_files_are_formatted() -> None:
    assert_done(terraform("fmt", "-check", "-diff", "-recursive"))


def test_the_configuration_is_valid(infra: Path) -> None:
    assert_done(terraform("validate", "-no-color", folder=infra))


def test_it_keeps_what_it_promises(infra: Path) -> None:
    told = assert_done(terraform("test", "-no-color", folder=infra))
    assert re.search(r"Success! [1-9]\d* passed, 0 failed", told), told


def test_what_one_resource_takes_from_another_is_mocked(infra: Path, tmp_path: Path) -> None:
    """A mocked provider makes up eight letters otherwise, and the real one's validation refuses
    them where it asks for a form."""
    # A module, because the root module's backend would have to be there.
    shutil.copy(infra / "modules" / "model_bucket" / "versions.tf", tmp_path)
    assert_done(terraform("init", "-input=false", folder=tmp_path))
    told = assert_done(terraform("providers", "schema", "-json", folder=tmp_path))
    (schema,) = json.loads(told)["provider_schemas"].values()
    referred = computed_references(INFRA, schema)
    mocked = mocked_attributes(INFRA / "tests" / "mocks" / "google.tfmock.hcl")
    assert set(mocked) == set(referred), referred


def test_nothing_with_a_name_of_its_own_is_created_before_it_is_destroyed(infra: Path) -> None:
    """Google answers 409 to a second one of the same name, and the one that failed never goes."""
    graph = assert_done(terraform("graph", folder=infra))
    assert set(created_before_destroyed(graph, infra)) == {
        # Their names change with what cannot be changed about them, ...
        "module.edge.google_compute_backend_service.function",
        "module.edge.google_compute_managed_ssl_certificate.host",
        "module.edge.google_compute_region_network_endpoint_group.function",
        # ... this one has nothing else that cannot be changed, ...
        "module.edge.google_compute_security_policy.edge",
        # ... and a service can be enabled twice.
        "google_project_service.needed",
    }


def test_every_test_has_the_same_mocks() -> None:
    for path in INFRA.rglob("*.tftest.hcl"):
        providers = re.findall(
            r"^mock_provider .*?^\}", path.read_text("utf-8"), re.DOTALL | re.MULTILINE
        )
        mocks = "./tests/mocks" if path.parent.parent == INFRA else "../tests/mocks"
        assert providers == [f'mock_provider "google" {{\n  source = "{mocks}"\n}}'], path


def test_the_functions_identity_has_no_role_to_write_with() -> None:
    folder = INFRA / "modules" / "prediction_function"
    text = "".join(path.read_text(encoding="utf-8") for path in folder.glob("*.tf"))
    assert set(re.findall(r"roles/[\w.]+", text)) == {
        "roles/storage.objectViewer",
        "roles/secretmanager.secretAccessor",
        "roles/run.invoker",  # of those who call it
        "roles/cloudfunctions.invoker",  # in a comment: it would change nothing
    }


@pytest.mark.parametrize("module", MODULES, ids=[module.name for module in MODULES])
def test_each_validation_is_shown_to_refuse(module: Path) -> None:
    """One run with `expect_failures` at least for each variable that validates."""
    assert_refused(module, [INFRA / "tests" / f"{module.name}.tftest.hcl"])


def test_each_validation_of_the_root_is_shown_to_refuse() -> None:
    assert_refused(INFRA, [INFRA / "tests" / "root.tftest.hcl"])


def assert_refused(module: Path, tests: Sequence[Path]) -> None:
    text = (module / "variables.tf").read_text(encoding="utf-8")
    blocks = re.findall(r'^variable "(\w+)" \{(.*?)^\}', text, re.DOTALL | re.MULTILINE)
    validated = {name for name, block in blocks if "validation {" in block}
    shown = "".join(test.read_text(encoding="utf-8") for test in tests)
    refused = set(re.findall(r"expect_failures\s*=\s*\[var\.(\w+)\]", shown))
    assert validated == refused
