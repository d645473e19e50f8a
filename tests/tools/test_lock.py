"""How the locks are compiled, and when they are stale."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tools import lock as lock_tool
from tools.lock import LOCKS, ROOT, TOOL_LOCKS, stale_locks, stale_tool_locks, supported_pythons

ALL = (*LOCKS, *TOOL_LOCKS)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A tree of the locks and of what they are made from."""
    sources = [Path(lock).with_suffix(".in") for lock in TOOL_LOCKS]
    for name in map(str, ("pyproject.toml", *ALL, *sources)):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text((ROOT / name).read_text())
    return tmp_path


def test_a_changed_constraint_makes_every_lock_stale(root: Path) -> None:
    assert stale_locks(root) + stale_tool_locks(root) == []
    project = (root / "pyproject.toml").read_text()
    (root / "pyproject.toml").write_text(project.replace("strenum<1.3", "strenum<1.2"))
    reasons = stale_locks(root) + stale_tool_locks(root)
    assert [reason.partition(":")[0] for reason in reasons] == list(ALL)


def test_every_lock_of_the_tree_is_compiled() -> None:
    folders = ("benchmarks", "functions", "tests")
    found = [path for folder in folders for path in (ROOT / folder).rglob("requirements.txt")]
    assert {str(path.relative_to(ROOT)) for path in found} == set(ALL) - {"requirements.txt"}


def test_locks_that_pip_refuses_are_left_as_they_were(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = {lock: (root / lock).read_text() for lock in ALL}

    def compile_one(*arguments: Any, **_: Any) -> None:
        (root / arguments[1]).write_text("new==1")

    monkeypatch.setattr(lock_tool, "ROOT", root)
    monkeypatch.setattr(lock_tool, "_compile", compile_one)
    monkeypatch.setattr(lock_tool, "uninstallable", lambda locks: [f"{lock}: no" for lock in locks])
    assert lock_tool.compile_locks(upgrade=False) == [f"{lock}: no" for lock in ALL]
    assert {lock: (root / lock).read_text() for lock in ALL} == before


def test_every_place_names_the_pythons_that_pyproject_allows() -> None:
    pythons = supported_pythons()
    named = f"Python {pythons[0]} to {pythons[-1]}"
    for name in ("README.md", "docs/9-delivery.md", "Makefile"):
        assert named in (ROOT / name).read_text(), name
    minors = [int(python.partition(".")[2]) for python in pythons]
    assert f"(3, {minors[0]}) <= v < (3, {minors[-1] + 1})" in (ROOT / "Makefile").read_text()
    matrix = f"python: {json.dumps(list(pythons))}"
    assert matrix in (ROOT / ".github" / "workflows" / "test.yaml").read_text()
    runtimes = json.dumps([f"python3{minor}" for minor in minors])
    assert runtimes in (ROOT / "infra/modules/prediction_function/variables.tf").read_text()
