"""Compiles the locks, and tells when they are stale.

    python tools/lock.py             compile all, keeping every pin that still fits
    python tools/lock.py --upgrade   compile all with the newest releases
    python tools/lock.py --check     change nothing; exit 1 if one does not fit what it is made from
    python tools/lock.py --resolve   change nothing; exit 1 if pip refuses one on a supported Python

Two come from pyproject.toml. A tool whose dependencies clash with ours has a lock of its own, made
from the requirements.in beside it. The check needs no network: each lock carries a digest of what
it was compiled from. What is compiled is resolved with pip as well, and left as it was if pip
refuses it.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from packaging.specifiers import SpecifierSet

from tools.installable import IndexUnreachableError, pins_of, refusals

ROOT = Path(__file__).resolve().parent.parent
LOCKS = {
    "requirements.txt": ("runtime", "export", "dev"),
    "functions/requirements.txt": ("runtime",),
}
PEERS = "benchmarks/serving/peers"
TOOL_LOCKS = (
    "tests/delivery/readers/requirements.txt",
    "tests/examples/notebook/requirements.txt",
    "tests/infra/checkov/requirements.txt",
    "tests/infra/hadolint/requirements.txt",
    "tests/load/clients/requirements.txt",
    "benchmarks/serving/onnx_export/requirements.txt",
    f"{PEERS}/bentoml/requirements.txt",
    f"{PEERS}/fastapi_onnxruntime/requirements.txt",
    f"{PEERS}/fastapi_tokenizers/requirements.txt",
    f"{PEERS}/keras_flask/requirements.txt",
    f"{PEERS}/litserve/requirements.txt",
    f"{PEERS}/mlserver/requirements.txt",
    f"{PEERS}/uvicorn_echo/requirements.txt",
)
# MLServer has no release for Python 3.13.
_NOT_FOR = {f"{PEERS}/mlserver/requirements.txt": ("3.13",)}


def supported_pythons(root: Path = ROOT) -> tuple[str, ...]:
    """The minor versions of Python that pyproject.toml allows, such as `3.12`, oldest first."""
    allowed = SpecifierSet(_project(root)["project"]["requires-python"])
    return tuple(version for minor in range(100) if (version := f"3.{minor}") in allowed)


def dependencies_digest(root: Path = ROOT) -> str:
    """A digest of everything in pyproject.toml that the locks depend on."""
    project = _project(root)["project"]
    inputs = [
        project["requires-python"],
        project["optional-dependencies"],
        _constraints(root),
    ]
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
        f"{lock}: {_source(lock)} or a constraint of pyproject.toml has changed since; "
        "run `make lock`"
        for lock in TOOL_LOCKS
        if _mark(root, lock) not in (root / lock).read_text()
    ]


def uninstallable(locks: Iterable[str], root: Path = ROOT) -> list[str]:
    """The locks that pip refuses on a supported Python, with the pin and the reason.

    Raises:
        IndexUnreachableError: The index does not answer.
    """
    wanted = {
        (lock, pin, python)
        for lock in locks
        for python in supported_pythons(root)
        if python not in _NOT_FOR.get(lock, ())
        for pin in pins_of((root / lock).read_text(), python)
    }
    refused = refusals([(pin, python) for _, pin, python in wanted])
    return sorted(
        f"{lock}: {refusal}"
        for refusal in refused
        for lock, pin, python in wanted
        if (pin, python) == (refusal.pin, refusal.python)
    )


def compile_locks(*, upgrade: bool) -> list[str]:
    """Runs uv once per lock; the second one may only choose what the first one has.

    Returns:
        Why pip would not install them. All are then left as they were.

    Raises:
        IndexUnreachableError: The index does not answer.
    """
    before = {lock: (ROOT / lock).read_text() for lock in (*LOCKS, *TOOL_LOCKS)}
    for lock, extras in LOCKS.items():
        options = [f"--extra={extra}" for extra in extras]
        if lock != "requirements.txt":
            options += ["--constraint", "requirements.txt"]
        _compile(
            "pyproject.toml", lock, f"pyproject {dependencies_digest()}", options, upgrade=upgrade
        )
    for lock in TOOL_LOCKS:
        _compile(_source(lock), lock, _mark(ROOT, lock), [], upgrade=upgrade)
    reasons = uninstallable(lock for lock in before if (ROOT / lock).read_text() != before[lock])
    for lock in before if reasons else ():
        (ROOT / lock).write_text(before[lock])
    return reasons


def _compile(source: str, lock: str, mark: str, options: list[str], *, upgrade: bool) -> None:
    command = ["uv", "pip", "compile", source, "--quiet", "--universal"]
    command += [f"--python-version={supported_pythons()[0]}", "--generate-hashes", *options]
    command += ["--custom-compile-command", f"make lock  ({mark})", "--output-file", lock]
    if upgrade:
        command += ["--upgrade"]
    subprocess.run(command, cwd=ROOT, check=True)


def _project(root: Path) -> dict[str, Any]:
    return tomllib.loads((root / "pyproject.toml").read_text())


def _constraints(root: Path) -> list[str]:
    """What uv keeps to in every lock that it compiles here."""
    found: list[str] = _project(root)["tool"]["uv"]["constraint-dependencies"]
    return found


def _source(lock: str) -> str:
    return str(Path(lock).with_suffix(".in"))


def _mark(root: Path, lock: str) -> str:
    inputs = [(root / _source(lock)).read_text(), _constraints(root)]
    digest = hashlib.sha256(json.dumps(inputs).encode()).hexdigest()
    return f"requirements.in {digest[:16]}"


def _pins(lock: Path) -> set[str]:
    lines = lock.read_text().splitlines()
    return {line.rstrip(" \\") for line in lines if "==" in line and line[0].isalnum()}


def main() -> int:
    """The command line above."""
    if "--check" in sys.argv:
        reasons, done = stale_locks() + stale_tool_locks(), "locks are fresh"
    else:
        try:
            if "--resolve" in sys.argv:
                reasons = uninstallable((*LOCKS, *TOOL_LOCKS))
            else:
                reasons = compile_locks(upgrade="--upgrade" in sys.argv)
        except IndexUnreachableError as error:
            reasons = [f"the package index is out of reach: {error}"]
        done = f"pip installs every lock on Python {', '.join(supported_pythons())}"
    print("\n".join(reasons) or done)
    return 1 if reasons else 0


if __name__ == "__main__":
    sys.exit(main())
