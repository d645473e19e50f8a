"""The configuration, ready for Terraform."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from tests.support.infra.terraform import ask_variables_alone, assert_done, terraform
from tests.support.places import INFRA


@pytest.fixture(scope="session")
def infra(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of infra/ that has its provider, so that the tree stays as it is."""
    folder = tmp_path_factory.mktemp("terraform") / "infra"
    shutil.copytree(INFRA, folder, ignore=shutil.ignore_patterns(".terraform*"))
    ask_variables_alone(folder)
    # `terraform graph` wants a backend that it can reach.
    (folder / "backend_override.tf").write_text('terraform {\n  backend "local" {}\n}\n')
    process = terraform("init", "-input=false", folder=folder)
    if process.returncode and not os.environ.get("CI"):
        pytest.skip("terraform init cannot get the provider")
    assert_done(process)
    return folder
