"""Load by wrk: so many connections, each asks again as soon as it is answered."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from benchmarks.serving.questions import Question

_SCRIPT = """\
wrk.method = "POST"
wrk.headers["Content-Type"] = "{content_type}"
local file = io.open("{body}", "rb")
wrk.body = file:read("*a")
file:close()
function done(summary, latency, requests)
  local errors = summary.errors
  local failed = errors.connect + errors.read + errors.write + errors.timeout
  io.write(string.format("found requests=%d microseconds=%d p50=%d p99=%d status=%d failed=%d\\n",
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
    errors.status, failed))
end
"""
_TIMEOUT = "60s"


class LoadFailed(Exception):
    """A load generator is missing or its requests failed; the message says which."""


@dataclass(frozen=True, slots=True)
class Load:
    """What a load came to.

    Attributes:
        requests: that were answered.
        per_second: requests per second.
        p50_ms, p99_ms: latency as clients see it.
    """

    requests: int
    per_second: float
    p50_ms: float
    p99_ms: float


def closed_loop(url: str, question: Question, connections: int, seconds: float) -> Load:
    """Loads a server with wrk.

    Args:
        url: of the server.
        question: what is asked, again and again.
        connections: how many clients there are.
        seconds: for how long.

    Raises:
        LoadFailed: wrk is not installed, or a request failed.
    """
    if shutil.which("wrk") is None:
        raise LoadFailed("wrk is not installed: `apt-get install wrk`")
    with tempfile.TemporaryDirectory(prefix="wrk-") as folder:
        body, script = Path(folder) / "body", Path(folder) / "post.lua"
        body.write_bytes(question.body)
        script.write_text(_SCRIPT.format(content_type=question.content_type, body=body))
        command = ["wrk", "-t1", f"-c{connections}", f"-d{max(1, round(seconds))}s"]
        command += ["--timeout", _TIMEOUT, "-s", str(script), url]
        process = subprocess.run(command, capture_output=True, text=True, check=False)
    if process.returncode:
        raise LoadFailed(f"wrk: {process.stderr.strip() or process.stdout.strip()}")
    return read_wrk(process.stdout)


def read_wrk(text: str) -> Load:
    """Reads the line that the script above prints.

    Raises:
        LoadFailed: it is not there, or tells of failures.
    """
    found = re.search(r"^found (.+)$", text, re.MULTILINE)
    if found is None:
        raise LoadFailed(f"wrk said nothing of its results: {text[-500:]}")
    values = {key: int(value) for key, value in re.findall(r"(\w+)=(\d+)", found[1])}
    if values["status"] or values["failed"]:
        raise LoadFailed(f"of {values['requests']} requests failed: {found[1]}")
    return Load(
        requests=values["requests"],
        per_second=values["requests"] / values["microseconds"] * 1e6,
        p50_ms=values["p50"] / 1000,
        p99_ms=values["p99"] / 1000,
    )
