"""The image of container/Dockerfile: what hadolint says of it, and what it promises."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from model_export.bundle.zip import bundle
from tests.support.infra.dockerfile import read_last_stage
from tests.support.places import ROOT
from tests.support.programs.tool_environment import tool_environment

FOLDER = ROOT / "container"
DOCKERFILE = FOLDER / "Dockerfile"
LOCK = ROOT / "tests" / "infra" / "hadolint" / "requirements.txt"
VENV = ROOT / "build" / "hadolint"


@pytest.fixture(scope="module")
def hadolint() -> str:
    """hadolint, which its authors give away as a program and not as a package."""
    return str(tool_environment(LOCK, VENV) / "hadolint")


def lint(hadolint: str, path: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [hadolint, f"--config={FOLDER / '.hadolint.yaml'}", "--no-color", str(path)],
        capture_output=True,
        text=True,
        check=False,
    )


def test_hadolint_has_nothing_against_the_image(hadolint: str) -> None:
    process = lint(hadolint, DOCKERFILE)
    assert (process.returncode, process.stdout) == (0, ""), process.stdout + process.stderr


def test_hadolint_would_tell_of_a_base_without_a_version_and_of_root(
    hadolint: str, tmp_path: Path
) -> None:
    path = tmp_path / "Dockerfile"
    path.write_text("FROM python\nRUN pip install flask\nUSER root\n", encoding="utf-8")
    process = lint(hadolint, path)
    assert process.returncode == 1
    assert {"DL3006", "DL3013", "DL3042", "DL3002"} <= set(re.findall(r"DL\d+", process.stdout))


def test_hadolint_is_told_to_be_silent_nowhere() -> None:
    assert "hadolint ignore" not in DOCKERFILE.read_text(encoding="utf-8")
    assert "ignored" not in re.sub("#.*", "", (FOLDER / ".hadolint.yaml").read_text("utf-8"))


def test_both_stages_have_the_base_that_is_given_by_its_digest() -> None:
    text = DOCKERFILE.read_text(encoding="utf-8")
    assert re.findall(r"^FROM (\S+)", text, re.MULTILINE) == ["${PYTHON_IMAGE}"] * 2
    assert "ARG PYTHON_IMAGE\n" in text, "no default, which would be a tag that moves"


def test_the_packages_are_those_of_the_lock_and_no_code_of_theirs_runs() -> None:
    text = DOCKERFILE.read_text(encoding="utf-8")
    (install,) = re.findall(r"pip install (.*?)\n\n", text, re.DOTALL)
    assert {"--require-hashes", "--only-binary=:all:", "--no-cache-dir"} <= set(install.split())


def test_it_runs_as_nobody() -> None:
    user, group = read_last_stage(DOCKERFILE).user.split(":")
    assert int(user) >= 1000
    assert int(group) >= 1000


@pytest.mark.parametrize("image", ["", "python:3.12-slim", "python@sha256:0123"])
def test_make_image_demands_a_base_by_its_digest(image: str) -> None:
    process = subprocess.run(
        ["make", "--no-print-directory", "check-python-image", f"PYTHON_IMAGE={image}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.returncode == 2
    assert "PYTHON_IMAGE: expected NAME@sha256:" in process.stderr
    assert f"got '{image}'" in process.stderr


def make_image(folder: Path, *variables: str) -> subprocess.CompletedProcess[str]:
    """`make image` with a docker that prints what it is told, and builds nothing."""
    program = folder / "bin" / "docker"
    program.parent.mkdir()
    program.write_text('#!/bin/sh\necho "docker $*"\n', encoding="utf-8")
    program.chmod(0o755)
    command = ["make", "--no-print-directory", "image", f"CONTEXT={folder / 'context'}"]
    # The environment that runs the tests, and nothing is installed.
    command += [f"BIN={Path(sys.executable).parent}", "--old-file=.venv/.ready"]
    command += [f"PYTHON_IMAGE=python@sha256:{'0' * 64}", *variables]
    return subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, "PATH": f"{program.parent}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_make_image_takes_a_bundle_with_models(tmp_path: Path) -> None:
    path = bundle(ROOT / "functions", tmp_path, baked={"registry/MODELS": b"digits@production\n"})
    process = make_image(tmp_path, f"BUNDLE={path}")
    assert process.returncode == 0, process.stderr
    assert (tmp_path / "context" / "registry" / "MODELS").read_bytes() == b"digits@production\n"
    assert (tmp_path / "context" / "main.py").is_file()
    (build,) = re.findall(r"^docker (.*)", process.stdout, re.MULTILINE)
    assert build.split()[-1] == str(tmp_path / "context")
    assert "--platform linux/amd64" in build, "which is all that Cloud Run runs"


def test_make_image_refuses_a_bundle_that_is_not_there(tmp_path: Path) -> None:
    process = make_image(tmp_path, "BUNDLE=build/function-none.zip")
    assert process.returncode == 2
    assert "BUNDLE: expected the zip that" in process.stderr
    assert "build/function-none.zip" in process.stderr
    assert not (tmp_path / "context").exists()
