"""Whether pip installs a lock on every Python that the project supports.

uv ignores the upper bound of a package's `requires-python`, and pip does not. The platform that
builds the function installs with pip, so that pip decides.
"""

from __future__ import annotations

import itertools
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from packaging.requirements import Requirement

# What Linux builders accept; pip wants each named.
_PLATFORMS = ("manylinux2014_x86_64", *(f"manylinux_2_{minor}_x86_64" for minor in range(17, 40)))
_AT_ONCE = 6
"""Processes of pip, which wait for the index nearly all the time."""
_PINS = 50
"""For one process: pip stops at the first that it refuses."""


class IndexUnreachableError(Exception):
    """The package index did not answer; the message is pip's."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A pin that pip refuses.

    Attributes:
        pin: Name and version, such as `backports-strenum==1.3.1`.
        python: Minor version of Python, such as `3.12`.
        reason: What pip says.
    """

    pin: str
    python: str
    reason: str

    def __str__(self) -> str:
        name, _, version = self.pin.partition("==")
        return (
            f"expected {name} to be installable with pip on Python {self.python}, got {version}: "
            f"{self.reason}; exclude it (constraint-dependencies in pyproject.toml, such as "
            f'"{name}!={version}") and run `make lock`'
        )


def pins_of(lock: str, python: str) -> list[str]:
    """The pins of a lock that apply on Linux x86_64.

    Args:
        lock: Text of the lock.
        python: Minor version of Python, such as `3.12`.
    """
    environment = {
        "implementation_name": "cpython",
        "platform_machine": "x86_64",
        "platform_python_implementation": "CPython",
        "platform_system": "Linux",
        "python_full_version": f"{python}.0",
        "python_version": python,
        "sys_platform": "linux",
        "os_name": "posix",
    }
    found = (Requirement(pin) for pin in re.findall(r"^[a-z0-9].*?==[^\\\n]*", lock, re.MULTILINE))
    return [
        f"{pin.name}{pin.specifier}"
        for pin in found
        if pin.marker is None or pin.marker.evaluate(environment)
    ]


def refusals(pins: Sequence[tuple[str, str]]) -> list[Refusal]:
    """The pins that pip finds no wheel for.

    Args:
        pins: Pairs of a pin and a minor version of Python.

    Raises:
        IndexUnreachableError: The index does not answer.
    """
    jobs = _jobs(pins)
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        found = pool.map(lambda job: _refused(*job), jobs)
        return list(itertools.chain.from_iterable(found))


def _jobs(pins: Sequence[tuple[str, str]]) -> list[tuple[str, list[str]]]:
    """Versions of Python, each with pins of which no two have the same name."""
    rounds: dict[tuple[str, int], list[str]] = {}
    for pin, python in sorted(set(pins)):
        name = pin.partition("==")[0]
        number = 0
        while any(other.partition("==")[0] == name for other in rounds.get((python, number), ())):
            number += 1
        rounds.setdefault((python, number), []).append(pin)
    return [
        (python, distinct[start : start + _PINS])
        for (python, _), distinct in rounds.items()
        for start in range(0, len(distinct), _PINS)
    ]


def _refused(python: str, pins: list[str]) -> list[Refusal]:
    found = []
    while pins and (refusal := _first_refused(python, pins)):
        found.append(refusal)
        pins = [pin for pin in pins if pin != refusal.pin]
    return found


def _first_refused(python: str, pins: list[str]) -> Refusal | None:
    command = [sys.executable, "-m", "pip", "install", "--dry-run", "--ignore-installed"]
    # Dependencies are pins themselves. The head of a wheel tells all, a gigabyte of them no more.
    command += ["--no-deps", "--use-feature=fast-deps", "--quiet", "--disable-pip-version-check"]
    command += ["--only-binary=:all:", "--implementation=cp", f"--python-version={python}"]
    command += [f"--platform={platform}" for platform in _PLATFORMS]
    with tempfile.TemporaryDirectory() as folder:
        requirements = Path(folder) / "requirements.txt"
        requirements.write_text("\n".join(pins), encoding="utf-8")
        process = subprocess.run(
            [*command, "--requirement", str(requirements)],
            capture_output=True,
            text=True,
            check=False,
        )
    if process.returncode == 0:
        return None
    told = process.stderr
    if broken := re.search(r"connection broken by.*", told):
        raise IndexUnreachableError(broken[0])
    refused = re.search(r"No matching distribution found for (\S+)", told)
    if refused is None or refused[1] not in pins:
        raise RuntimeError(f"{' '.join(command)}: {told.strip()}")
    version = re.escape(refused[1].partition("==")[2])
    bound = re.search(rf"[:;] {version} Requires-Python ([^;\n]+)", told)
    reason = f"it requires Python {bound[1]}" if bound else f"it has no wheel for {_PLATFORMS[-1]}"
    return Refusal(refused[1], python, reason)
