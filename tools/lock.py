"""Compiles the locks, and tells when they are stale.

    python tools/lock.py             compile all, keeping every pin that still fits
    python tools/lock.py --upgrade   compile all with the newest releases
    python tools/lock.py --check     change nothing; exit 1 if one does not fit what it is made from

Two come from pyproject.toml. A tool whose dependencies clash with ours has a lock of its own, made
from the requirements.in beside it. The check needs no network: each lock carries a digest of what
it was compiled from.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCKS = {
    "requirements.txt": ("runtime", "export", "dev"),
    "functions/requirements.txt": ("runtime",),
}
TOOL_LOCKS = (
    "tests/infra/checkov/requirements.txt",
    "tests/load/clients/requirements.txt",
)


def dependencies_digest(root: Path = ROOT) -> str:
    """A digest of everything in pyproject.toml that the locks depend on."""
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    inputs = [project["requires-python"], project["optional-dependencies"]]
    return hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()[:16]


def stale_locks(root: Path = ROOT) -> list[str]:
    """The locks that do not fit pyproject.toml or each other, with the reason."""
    digest = dependencies_digest(root)
    reasons = [
        f"{lock}: pyproject.toml has changed since; run `make lock`"
        for lock in LOCKS
        if f"pyproject {digest}" not in (root / lock).read_text()
    ]
    pins, runtime_pins = (_pins(root / lock) for lock in LOCKS)
    reasons += [
        f"functions/requirements.txt: {pin} is not what requirements.txt has; run `make lock`"
        for pin in sorted(runtime_pins - pins)
    ]
    return reasons


def stale_tool_locks(root: Path = ROOT) -> list[str]:
    """The locks of tools that do not fit their requirements.in, with the reason."""
    return [
        f"{lock}: {_source(lock)} has changed since; run `make lock`"
        for lock in TOOL_LOCKS
        if _mark(root, lock) not in (root / lock).read_text()
    ]


def compile_locks(*, upgrade: bool) -> None:
    """Runs uv once per lock; the second one may only choose what the first one has."""
    for lock, extras in LOCKS.items():
        options = [f"--extra={extra}" for extra in extras]
        if lock != "requirements.txt":
            options += ["--constraint", "requirements.txt"]
        _compile(
            "pyproject.toml", lock, f"pyproject {dependencies_digest()}", options, upgrade=upgrade
        )
    for lock in TOOL_LOCKS:
        _compile(_source(lock), lock, _mark(ROOT, lock), [], upgrade=upgrade)


def _compile(source: str, lock: str, mark: str, options: list[str], *, upgrade: bool) -> None:
    command = ["uv", "pip", "compile", source, "--quiet"]
    command += ["--universal", "--python-version", "3.11", "--generate-hashes", *options]
    command += ["--custom-compile-command", f"make lock  ({mark})", "--output-file", lock]
    if upgrade:
        command += ["--upgrade"]
    subprocess.run(command, cwd=ROOT, check=True)


def _source(lock: str) -> str:
    return str(Path(lock).with_suffix(".in"))


def _mark(root: Path, lock: str) -> str:
    digest = hashlib.sha256((root / _source(lock)).read_bytes()).hexdigest()
    return f"requirements.in {digest[:16]}"


def _pins(lock: Path) -> set[str]:
    lines = lock.read_text().splitlines()
    return {line.rstrip(" \\") for line in lines if "==" in line and line[0].isalnum()}


def main() -> int:
    """The command line above."""
    if "--check" in sys.argv:
        reasons = stale_locks() + stale_tool_locks()
        print("\n".join(reasons) or "locks are fresh")
        return 1 if reasons else 0
    compile_locks(upgrade="--upgrade" in sys.argv)
    return 0


if __name__ == "__main__":
    sys.exit(main())
