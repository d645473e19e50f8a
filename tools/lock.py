"""Compiles the two locks from pyproject.toml, and tells when they are stale.

    python tools/lock.py             compile both, keeping every pin that still fits
    python tools/lock.py --upgrade   compile both with the newest releases
    python tools/lock.py --check     change nothing; exit 1 if they do not fit pyproject.toml

The check needs no network: each lock carries a digest of the dependency tables that it was
compiled from.
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


def compile_locks(*, upgrade: bool) -> None:
    """Runs uv once per lock; the second one may only choose what the first one has."""
    for lock, extras in LOCKS.items():
        command = ["uv", "pip", "compile", "pyproject.toml", "--quiet"]
        command += ["--universal", "--python-version", "3.11", "--generate-hashes"]
        command += [f"--extra={extra}" for extra in extras]
        command += ["--custom-compile-command", f"make lock  (pyproject {dependencies_digest()})"]
        command += ["--output-file", lock]
        if lock != "requirements.txt":
            command += ["--constraint", "requirements.txt"]
        if upgrade:
            command += ["--upgrade"]
        subprocess.run(command, cwd=ROOT, check=True)


def _pins(lock: Path) -> set[str]:
    lines = lock.read_text().splitlines()
    return {line.rstrip(" \\") for line in lines if "==" in line and line[0].isalnum()}


def main() -> int:
    """The command line above."""
    if "--check" in sys.argv:
        reasons = stale_locks()
        print("\n".join(reasons) or "locks are fresh")
        return 1 if reasons else 0
    compile_locks(upgrade="--upgrade" in sys.argv)
    return 0


if __name__ == "__main__":
    sys.exit(main())
