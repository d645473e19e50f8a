"""What checkov and tflint say of the Terraform configuration, and that both were listened to."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.support.places import ROOT
from tests.support.programs.installed import find_program
from tests.support.programs.tool_environment import tool_environment
from tools.lock import TOOL_LOCKS, stale_tool_locks

INFRA = ROOT / "infra"
LOCK = ROOT / "tests" / "infra" / "checkov" / "requirements.txt"
VENV = ROOT / "build" / "checkov"
SKIP = re.compile(r"#checkov:skip=([^:\s]*):?(.*)")


@pytest.fixture(scope="module")
def checkov() -> str:
    """checkov in an environment of its own, because its dependencies clash with ours."""
    return str(tool_environment(LOCK, VENV) / "checkov")


def scan(checkov: str, home: Path, *arguments: str) -> dict[str, Any]:
    """What checkov finds with the repository's configuration, and without anybody's key."""
    process = subprocess.run(
        [checkov, f"--config-file={ROOT / '.checkov.yaml'}", "--output=json", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": os.environ["PATH"], "HOME": str(home)},
    )
    assert process.stdout, process.stderr
    report: dict[str, Any] = json.loads(process.stdout)
    return report


def told(checks: list[dict[str, Any]]) -> list[str]:
    return [f"{check['check_id']} {check['resource']}: {check['check_name']}" for check in checks]


@pytest.mark.parametrize("environment", [None, "prod"], ids=["defaults", "prod"])
def test_checkov_has_nothing_against_the_configuration(
    checkov: str, tmp_path: Path, environment: str | None
) -> None:
    files = [f"--var-file=infra/environments/{environment}.tfvars"] if environment else []
    report = scan(checkov, tmp_path, *files)
    assert told(report["results"]["failed_checks"]) == []
    assert report["summary"]["parsing_errors"] == 0
    assert report["summary"]["passed"] >= 40


def test_checkov_would_tell_of_an_open_bucket(checkov: str, tmp_path: Path) -> None:
    (tmp_path / "main.tf").write_text(
        'resource "google_storage_bucket_iam_member" "everybody" {\n'
        '  bucket = "models"\n  role = "roles/storage.objectViewer"\n  member = "allUsers"\n}\n'
    )
    report = scan(checkov, tmp_path, f"--directory={tmp_path}")
    assert "CKV_GCP_28" in " ".join(told(report["results"]["failed_checks"]))


def test_what_checkov_is_not_to_look_at_has_a_reason() -> None:
    skips = [
        (path.name, *skip)
        for path in INFRA.rglob("*.tf")
        for skip in SKIP.findall(path.read_text(encoding="utf-8"))
    ]
    assert skips
    for name, check, reason in skips:
        assert re.fullmatch(r"CKV2?_GCP_\d+", check), (name, check)
        assert len(reason.split()) >= 8, (name, check, reason)
    # Nothing is skipped for all resources at once, where no reason would fit all.
    assert "skip-check" not in (ROOT / ".checkov.yaml").read_text(encoding="utf-8")


def tflint(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [
            find_program("tflint"),
            f"--chdir={folder}",
            f"--config={ROOT / '.tflint.hcl'}",
            "--recursive",
            "--format=compact",
        ],
        capture_output=True,
        text=True,
        check=False,
    )


def test_tflint_has_nothing_against_the_configuration() -> None:
    process = tflint(INFRA)
    assert process.returncode == 0, process.stdout + process.stderr
    assert not process.stdout.strip()


def test_tflint_would_tell_of_a_variable_that_nobody_uses(tmp_path: Path) -> None:
    module = tmp_path / "modules" / "one"
    module.mkdir(parents=True)
    (module / "variables.tf").write_text('variable "spare" {\n  type = string\n}\n')
    process = tflint(tmp_path)
    assert process.returncode == 2
    assert "terraform_unused_declarations" in process.stdout
    assert "terraform_documented_variables" in process.stdout


def test_tflint_is_told_to_be_silent_nowhere() -> None:
    for path in INFRA.rglob("*.tf"):
        assert "tflint-ignore" not in path.read_text(encoding="utf-8"), path
    assert "enabled = false" not in (ROOT / ".tflint.hcl").read_text(encoding="utf-8")


def test_the_locks_of_tools_are_fresh_and_have_hashes(tmp_path: Path) -> None:
    assert stale_tool_locks() == []
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for lock in TOOL_LOCKS:
        text = (ROOT / lock).read_text(encoding="utf-8")
        pins = re.findall(r"\n[a-z0-9].*==", text)
        assert len(pins) == len(re.findall(r"\n[a-z0-9].*==.*\\\n    --hash=sha256:", text)) > 0
        (tmp_path / lock).parent.mkdir(parents=True)
        (tmp_path / lock).write_text(text)
        (tmp_path / lock).with_suffix(".in").write_text("checkov>=3.3\n")
    assert [reason.partition(":")[0] for reason in stale_tool_locks(tmp_path)] == list(TOOL_LOCKS)
