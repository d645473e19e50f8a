"""Terraform, run for real on the provider's real schema, with a cloud that is mocked."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tests.support.places import INFRA
from tests.support.programs.installed import find_program

_A_RUN = re.compile(r'^run "\w+" \{.*?^\}', re.DOTALL | re.MULTILINE)
_REFUSED = re.compile(r"expect_failures\s*=\s*\[var\.\w+\]")
_MOCKED = """
mock_provider "google" {
  source = "./tests/mocks"
}
"""
_RUN = """
run "{name}" {{
  command = {command}

  variables {{
{variables}
  }}
}}
"""


def terraform(*arguments: str, folder: Path = INFRA) -> subprocess.CompletedProcess[str]:
    """Runs Terraform; without it the test is skipped, and where CI is set it fails."""
    return subprocess.run(
        [find_program("terraform"), f"-chdir={folder}", *arguments],
        capture_output=True,
        text=True,
        check=False,
        # Go's garbage collector takes a third of the time otherwise, for memory that nobody is
        # short of: 900 MB at most.
        env={"GOGC": "800", **os.environ, "TF_IN_AUTOMATION": "1"},
    )


def ask_variables_alone(folder: Path) -> None:
    """Changes the tests of a copy of infra/: a run that a variable refuses gets its module without
    its resources.

    Terraform refuses before it looks at any of them, but starts the provider and reads its schema
    first, which takes it half a second. There are a hundred such runs.

    Args:
        folder: of the root module, not yet initialised.
    """
    for module in (folder, *(folder / "modules").iterdir()):
        alone = folder / "refusing" / module.name
        alone.mkdir(parents=True)
        for name in ("variables.tf", "limits.tf"):
            if (module / name).exists():
                shutil.copy(module / name, alone)
    for test in (folder / "tests").glob("*.tftest.hcl"):
        text = test.read_text(encoding="utf-8")
        test.write_text(_A_RUN.sub(_without_resources, text), encoding="utf-8")


def _without_resources(run: re.Match[str]) -> str:
    text = run[0]
    if not _REFUSED.search(text):
        return text
    if "source =" in text:
        return text.replace('"./modules/', '"./refusing/')
    return f'{text[:-1]}  module {{\n    source = "./refusing/{INFRA.name}"\n  }}\n}}'


def assert_done(process: subprocess.CompletedProcess[str]) -> str:
    """What a command printed that must have succeeded."""
    assert process.returncode == 0, process.stdout + process.stderr
    return process.stdout


def applied(folder: Path, **variables: Any) -> list[Mapping[str, Any]]:
    """The resources that the root module has once it is applied to the mocked cloud.

    Args:
        folder: of the root module, initialised.
        variables: of it.

    Returns:
        as `terraform show -json` has them, of all modules.
    """
    process = _run(folder, _test_run("applied", "apply", variables), "-json", "-verbose")
    events = [json.loads(line) for line in assert_done(process).splitlines()]
    (state,) = [event["test_state"] for event in events if event["type"] == "test_state"]
    return list(_resources(state["root_module"]))


def planned_after(
    folder: Path, before: Mapping[str, Any], after: Mapping[str, Any]
) -> tuple[bool, str]:
    """Plans a change of what was applied to the mocked cloud.

    Args:
        folder: Folder of the root module, initialised.
        before: Variables of what is applied.
        after: Variables of what is planned then.

    Returns:
        Whether Terraform agreed, and what it printed.
    """
    runs = _test_run("applied", "apply", before) + _test_run("planned", "plan", after)
    process = _run(folder, runs, "-no-color", "-verbose")
    # `terraform test` leaves this when it cannot destroy what it has applied.
    (folder / "errored_test.tfstate").unlink(missing_ok=True)
    told = process.stdout + process.stderr
    assert 'run "applied"... pass' in told, told
    return 'run "planned"... pass' in told, told


def planned(folder: Path, variables: str) -> subprocess.CompletedProcess[str]:
    """Plans the root module for the mocked cloud.

    Args:
        folder: Folder of the root module, initialised.
        variables: Its variables, as a .tfvars file has them.
    """
    return _run(folder, _RUN.format(name="planned", command="plan", variables=variables))


def _test_run(name: str, command: str, variables: Mapping[str, Any]) -> str:
    lines = [f"    {variable} = {json.dumps(value)}" for variable, value in variables.items()]
    return _RUN.format(name=name, command=command, variables="\n".join(lines))


def _run(folder: Path, runs: str, *options: str) -> subprocess.CompletedProcess[str]:
    """Runs a test file of its own, because variables cannot be given to one from outside."""
    test = folder / "tests" / f"planned_{os.getpid()}.tftest.hcl"
    test.write_text(_MOCKED + runs, encoding="utf-8")
    try:
        return terraform("test", *options, f"-filter=tests/{test.name}", folder=folder)
    finally:
        test.unlink()


def _resources(module: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    # What is only read is among them.
    yield from (one for one in module.get("resources", []) if one["mode"] == "managed")
    for child in module.get("child_modules", []):
        yield from _resources(child)
