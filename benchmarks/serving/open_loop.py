"""Load by oha at a fixed rate of arrivals, whether or not earlier requests are answered.

With ``--latency-correction`` the latency of a request counts from when it was due, not from when
a connection was free to send it: a server that stalls for a second has all that were due in this
second in its percentiles (no coordinated omission).
"""

from __future__ import annotations

import json
import math
import shutil
import subprocess
import tempfile
from pathlib import Path

from benchmarks.serving.closed_loop import Load, LoadFailed
from benchmarks.serving.environments import WORK
from benchmarks.serving.questions import Question

_VERSION = "1.16.0"
_TOOLS = WORK / "tools"
# Enough that a request hardly ever waits for a connection; if it does, its wait counts.
_CONNECTIONS = 32
_CARGO = Path.home() / ".cargo" / "bin"
_INSTALL = f"cargo install oha --version {_VERSION} --locked --root build/bench/tools"


def prepare() -> str:
    """The path of oha, which is compiled on first use; that takes minutes.

    Raises:
        LoadFailed: it cannot be.
    """
    program = _TOOLS / "bin" / "oha"
    if program.exists():
        return str(program)
    cargo = shutil.which("cargo") or shutil.which("cargo", path=_CARGO)
    if cargo is None:
        raise LoadFailed(f"oha is not installed, and neither is cargo: `{_INSTALL}`")
    command = [cargo, "install", "oha", "--version", _VERSION, "--locked", "--root", str(_TOOLS)]
    process = subprocess.run(command, capture_output=True, text=True, check=False)
    if process.returncode:
        raise LoadFailed(f"`{_INSTALL}`: {process.stderr.strip()[-500:]}")
    return str(program)


def open_loop(url: str, question: Question, rate: float, seconds: float) -> Load:
    """Loads a server with so many requests per second.

    Args:
        url: of the server.
        question: what is asked.
        rate: arrivals per second.
        seconds: for how long.

    Raises:
        LoadFailed: oha is not installed and cannot be, or a request failed.
    """
    program = prepare()
    with tempfile.TemporaryDirectory(prefix="oha-") as folder:
        body = Path(folder) / "body"
        body.write_bytes(question.body)
        command = [program, "--no-tui", "--output-format", "json", "-m", "POST", "-D", str(body)]
        command += ["-T", question.content_type, "-c", str(_CONNECTIONS)]
        command += ["-z", f"{seconds:g}s", "-w", "-q", f"{max(1, math.floor(rate))}"]
        command += ["--latency-correction", url]
        process = subprocess.run(command, capture_output=True, text=True, check=False)
    if process.returncode:
        raise LoadFailed(f"oha: {process.stderr.strip()}")
    return read_oha(process.stdout)


def read_oha(text: str) -> Load:
    """Reads oha's JSON.

    Raises:
        LoadFailed: a request had no answer, or another status than 200.
    """
    document = json.loads(text)
    statuses, errors = document["statusCodeDistribution"], document["errorDistribution"]
    if set(statuses) != {"200"} or errors:
        raise LoadFailed(f"oha: statuses {statuses}, errors {errors}")
    return Load(
        requests=statuses["200"],
        per_second=document["summary"]["requestsPerSec"],
        p50_ms=document["latencyPercentiles"]["p50"] * 1000,
        p99_ms=document["latencyPercentiles"]["p99"] * 1000,
    )
