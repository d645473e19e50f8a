"""Load by oha at a fixed rate of arrivals, whether or not earlier requests are answered.

With ``--latency-correction`` the latency of a request counts from when it was due, not from when
a connection was free to send it: a server that stalls for a second has all that were due in this
second in its percentiles (no coordinated omission).
"""

from __future__ import annotations

import json
import math
import subprocess
import tempfile
from pathlib import Path

from benchmarks.serving.cargo import ToolMissing, tool
from benchmarks.serving.closed_loop import Load, LoadFailed
from benchmarks.serving.questions import Question

_VERSION = "1.16.0"
# Enough that a request hardly ever waits for a connection; if it does, its wait counts.
_CONNECTIONS = 32


def prepare() -> str:
    """The path of oha.

    Raises:
        LoadFailed: there is none.
    """
    try:
        return tool("oha", _VERSION, "oha")
    except ToolMissing as missing:
        raise LoadFailed(str(missing)) from None


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
