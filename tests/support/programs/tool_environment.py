"""Python environments for tools whose dependencies clash with ours, or are none of ours."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest


def tool_environment(lock: Path, venv: Path) -> Path:
    """The folder of an environment's programs, installed by hash if need be.

    Where that is not possible the test is skipped; where CI is set it fails.

    Args:
        lock: requirements with hashes.
        venv: of the environment.
    """
    stamp = venv / ".stamp"
    # Its programs have its path in their first line, and end with it when it is moved.
    wanted = hashlib.sha256(lock.read_bytes() + f"{sys.version} {venv}".encode()).hexdigest()
    if not stamp.exists() or stamp.read_text(encoding="utf-8") != wanted:
        shutil.rmtree(venv, ignore_errors=True)
        uv = str(Path(sys.executable).with_name("uv"))
        for command in (
            [uv, "venv", "--quiet", "--python", sys.executable, str(venv)],
            [uv, "pip", "sync", "--quiet", "--require-hashes", f"--python={venv}", str(lock)],
        ):
            process = subprocess.run(command, capture_output=True, text=True, check=False)
            if process.returncode:
                reason = f"{lock} cannot be installed: {process.stderr.strip()[-500:]}"
                (pytest.fail if os.environ.get("CI") else pytest.skip)(reason)
        stamp.write_text(wanted, encoding="utf-8")
    return venv / "bin"
