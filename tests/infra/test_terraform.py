"""The Terraform configuration, with Terraform itself and the provider's real schema."""

from __future__ import annotations

import dataclasses
import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.support.programs import find_program
from tflite_serving.settings import Settings, has_default

ROOT = Path(__file__).resolve().parent.parent.parent
INFRA = ROOT / "infra"
MODULES = sorted((INFRA / "modules").iterdir())


def terraform(*arguments: str, folder: Path = INFRA) -> subprocess.CompletedProcess[str]:
    """Runs Terraform; without it the test is skipped, and where CI is set it fails."""
    return subprocess.run(
        [find_program("terraform"), f"-chdir={folder}", *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "TF_IN_AUTOMATION": "1"},
    )


def assert_done(process: subprocess.CompletedProcess[str]) -> str:
    assert process.returncode == 0, process.stdout + process.stderr
    return process.stdout


@pytest.fixture(scope="module")
def initialised(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of infra/ that has its provider, so that the tree stays as it is."""
    folder = tmp_path_factory.mktemp("terraform") / "infra"
    shutil.copytree(INFRA, folder, ignore=shutil.ignore_patterns(".terraform*"))
    process = terraform("init", "-backend=false", "-input=false", folder=folder)
    if process.returncode and not os.environ.get("CI"):
        pytest.skip(f"the provider cannot be had: {process.stderr.strip()[-500:]}")
    assert_done(process)
    return folder


def test_the_files_are_formatted() -> None:
    assert_done(terraform("fmt", "-check", "-diff", "-recursive"))


def test_the_configuration_is_valid(initialised: Path) -> None:
    assert_done(terraform("validate", "-no-color", folder=initialised))


def test_it_keeps_what_it_promises(initialised: Path) -> None:
    told = assert_done(terraform("test", "-no-color", folder=initialised))
    assert re.search(r"Success! [1-9]\d* passed, 0 failed", told), told


@pytest.mark.parametrize("module", MODULES, ids=[module.name for module in MODULES])
def test_each_validation_is_shown_to_refuse(module: Path) -> None:
    """One run with `expect_failures` at least for each variable that validates."""
    assert_refused(module, [INFRA / "tests" / f"{module.name}.tftest.hcl"])


def test_each_validation_of_the_root_is_shown_to_refuse() -> None:
    assert_refused(INFRA, [INFRA / "tests" / "root.tftest.hcl"])


def test_the_environment_is_one_that_the_function_takes() -> None:
    text = (INFRA / "modules" / "prediction_function" / "main.tf").read_text(encoding="utf-8")
    (block,) = re.findall(r"^  settings = \{(.*?)^  \}", text, re.DOTALL | re.MULTILINE)
    given = set(re.findall(r"^    (\w+) +=", block, re.MULTILINE))
    known = {field.metadata["variable"] for field in dataclasses.fields(Settings)}
    required = {
        field.metadata["variable"]
        for field in dataclasses.fields(Settings)
        if not has_default(field)
    }
    assert required <= given <= known


def assert_refused(module: Path, tests: Sequence[Path]) -> None:
    text = (module / "variables.tf").read_text(encoding="utf-8")
    blocks = re.findall(r'^variable "(\w+)" \{(.*?)^\}', text, re.DOTALL | re.MULTILINE)
    validated = {name for name, block in blocks if "validation {" in block}
    shown = "".join(test.read_text(encoding="utf-8") for test in tests)
    refused = set(re.findall(r"expect_failures\s*=\s*\[var\.(\w+)\]", shown))
    assert validated == refused
