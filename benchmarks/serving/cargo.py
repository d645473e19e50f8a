"""Tools that are compiled by cargo on first use, which takes minutes."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from benchmarks.serving.environments import WORK

_TOOLS = WORK / "tools"
_CARGO = Path.home() / ".cargo" / "bin"


class ToolMissing(Exception):
    """A tool is not installed and cannot be; the message says what would install it."""


def tool(package: str, version: str, program: str) -> str:
    """The path of a program.

    Args:
        package, version: that it is in.
        program: its name.

    Raises:
        ToolMissing: there is no cargo, or it failed.
    """
    path = _TOOLS / "bin" / program
    if path.exists():
        return str(path)
    arguments = ["install", package, "--version", version, "--locked", "--root", str(_TOOLS)]
    told = f"`cargo {' '.join(arguments)}`"
    cargo = shutil.which("cargo") or shutil.which("cargo", path=_CARGO)
    if cargo is None:
        raise ToolMissing(f"{package} is not installed, and neither is cargo: {told}")
    process = subprocess.run([cargo, *arguments], capture_output=True, text=True, check=False)
    if process.returncode:
        raise ToolMissing(f"{told}: {process.stderr.strip()[-500:]}")
    return str(path)
