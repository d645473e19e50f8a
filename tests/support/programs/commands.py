"""Commands of this repository, run in this process or in one of their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import click
from click.testing import CliRunner, Result

from tests.support.places import ROOT

SETTINGS = {"MODEL_REGISTRY": "/nowhere", "MODELS": "iris"}
"""Enough of the environment for `main` to be imported."""


def here(command: click.Command, *arguments: object) -> Result:
    """Runs a command in this process, which has TensorFlow already."""
    return CliRunner().invoke(
        command, [str(a) for a in arguments], catch_exceptions=False, env={"FORCE_COLOR": None}
    )


def apart(module: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Runs ``python -m`` a module from the repository's root, as people do; nothing is checked."""
    return subprocess.run(
        [sys.executable, "-m", module, *map(str, arguments)],
        cwd=ROOT,
        env={name: value for name, value in os.environ.items() if name != "FORCE_COLOR"},
        capture_output=True,
        text=True,
        check=False,
    )


def modules_after(statement: str) -> set[str]:
    """Names of the modules that a fresh process has imported after a statement."""
    program = f"{statement}\nimport json, sys\nprint(json.dumps(sorted(sys.modules)))"
    process = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, **SETTINGS, "PYTHONPATH": str(ROOT / "functions")},
        capture_output=True,
        text=True,
        check=True,
    )
    return set(json.loads(process.stdout.splitlines()[-1]))
