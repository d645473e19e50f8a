"""A virtual environment for each peer, made on first use from a lock with hashes."""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
HERE = Path(__file__).resolve().parent
WORK = ROOT / "build" / "bench"
PEERS = HERE / "peers"

# The echo function runs where ours does, so that both have the same servers under them.
_LOCKS = {
    "functions": ROOT / "functions" / "requirements.txt",
    "onnx_export": HERE / "onnx_export" / "requirements.txt",
    **{
        name: PEERS / name / "requirements.txt"
        for name in (
            "uvicorn_echo",
            "fastapi_onnxruntime",
            "fastapi_tokenizers",
            "mlserver",
            "litserve",
            "bentoml",
            "keras_flask",
        )
    },
}


class EnvironmentMissing(Exception):
    """A virtual environment could not be made; the message says why."""


def program(environment: str, name: str) -> str:
    """The path of a program in an environment, which is made if it must be.

    Args:
        environment: its name, such as "fastapi_onnxruntime".
        name: of the program, such as "python".

    Raises:
        EnvironmentMissing: it could not be installed.
    """
    return str(_ready(environment) / "bin" / name)


def version(environment: str, package: str) -> str:
    """The version of a package that an environment's lock has."""
    text = _LOCKS[environment].read_text(encoding="utf-8")
    found = re.search(rf"^{re.escape(package)}==([^\s;]+)", text, re.MULTILINE)
    if found is None:
        raise ValueError(f"{_LOCKS[environment]} has no {package}")
    return found[1]


def _ready(environment: str) -> Path:
    lock = _LOCKS[environment]
    venv = WORK / "venvs" / environment
    stamp = venv / ".stamp"
    # Its programs have its path in their first line, and end with it when it is moved.
    wanted = hashlib.sha256(lock.read_bytes() + f"{sys.version} {venv}".encode()).hexdigest()
    if stamp.exists() and stamp.read_text(encoding="utf-8") == wanted:
        return venv
    shutil.rmtree(venv, ignore_errors=True)
    uv = _uv()
    _run([uv, "venv", "--quiet", "--python", sys.executable, str(venv)], environment)
    python = str(venv / "bin" / "python")
    command = [uv, "pip", "sync", "--quiet", "--require-hashes", "--compile-bytecode"]
    _run([*command, "--python", python, str(lock)], environment)
    stamp.write_text(wanted, encoding="utf-8")
    return venv


def _uv() -> str:
    beside = Path(sys.executable).with_name("uv")
    found = str(beside) if beside.exists() else shutil.which("uv")
    if found is None:
        raise EnvironmentMissing("uv is not installed: run `make` once, or `pip install uv`")
    return found


def _run(command: list[str], environment: str) -> None:
    process = subprocess.run(command, capture_output=True, text=True, check=False)
    if process.returncode:
        raise EnvironmentMissing(f"{environment}: {process.stderr.strip()[-2000:]}")
