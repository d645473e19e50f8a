"""Cold start, latency, throughput and memory of the function, against a bare echo function.

    python -m benchmarks.serving --registry build/demo/registry

Everything is measured in one run, a round of each after the other, so that the ratios hold on any
machine; the absolute numbers are this machine's.
"""

from __future__ import annotations

import http.client
import json
import os
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click
from rich import box
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from examples.digits.train import splits

_ROOT = Path(__file__).resolve().parent.parent
_LOAD_SECONDS = 3
_CONNECTIONS = 8


@dataclass(frozen=True, slots=True)
class Subject:
    """One function to measure.

    Attributes:
        name: in the table.
        source, target: for functions-framework.
        path: that is asked.
        status: that it must answer with.
        environment: its settings.
    """

    name: str
    source: Path
    target: str
    path: str
    status: int
    environment: Mapping[str, str]


@dataclass(slots=True)
class Result:
    """What was measured, a value per round."""

    cold_start_ms: list[float] = field(default_factory=list)
    p50_ms: list[float] = field(default_factory=list)
    requests_per_second: list[float] = field(default_factory=list)
    pss_mib: list[float] = field(default_factory=list)


@click.command()
@click.option("--registry", type=click.Path(exists=True, path_type=Path), required=True)
@click.option("--rounds", default=5)
@click.option("--requests", "count", default=1000, help="Requests for the latency, per round.")
@click.option("--json", "as_json", is_flag=True)
def main(registry: Path, rounds: int, count: int, as_json: bool) -> None:
    """Measures the digits model that `make demo` published."""
    body = json.dumps({"instances": [splits()["test"][0][0].round(4).tolist()]}).encode()
    subjects = _subjects(registry.resolve())
    results = {subject.name: Result() for subject in subjects}
    with Progress(console=Console(stderr=True)) as progress:
        task = progress.add_task("measuring", total=rounds * len(subjects))
        for _ in range(rounds):
            for subject in subjects:
                _measure(subject, body, count, results[subject.name])
                progress.advance(task)
    summary = {name: _medians(result) for name, result in results.items()}
    if as_json:
        click.echo(json.dumps(summary))
    else:
        Console(width=max(Console().width, 110)).print(_table(summary))
        if shutil.which("wrk") is None:
            click.echo("requests/s needs wrk, which is not installed", err=True)


def _subjects(registry: Path) -> list[Subject]:
    function, echo = _ROOT / "functions" / "main.py", _ROOT / "benchmarks" / "echo" / "main.py"
    settings = {"MODEL_REGISTRY": str(registry), "MODELS": "digits"}
    absent = {"MODEL_REGISTRY": str(registry / "nothing"), "MODELS": "digits"}
    return [
        Subject("functions-framework echo", echo, "echo", "/", 200, {}),
        Subject("this function, ASGI", function, "predict", "/predict", 200, settings),
        Subject("this function, WSGI", function, "predict_wsgi", "/predict", 200, settings),
        Subject("model absent, ASGI (503)", function, "predict", "/predict", 503, absent),
    ]


def _measure(subject: Subject, body: bytes, count: int, result: Result) -> None:
    began = time.perf_counter()
    with _running(subject) as (process, port):
        connection = _first_answer(subject, body, process, port)
        result.cold_start_ms.append((time.perf_counter() - began) * 1000)
        latencies = []
        for _ in range(count):
            asked = time.perf_counter()
            _ask(connection, subject, body)
            latencies.append((time.perf_counter() - asked) * 1000)
        result.p50_ms.append(statistics.median(latencies))
        connection.close()
        rate = _throughput(subject, body, port)
        if rate is not None:
            result.requests_per_second.append(rate)
        result.pss_mib.append(_worker_pss_mib(process.pid))


@contextmanager
def _running(subject: Subject) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "functions_framework", "--source", str(subject.source)]
    command += ["--target", subject.target, "--host", "127.0.0.1", "--port", str(port)]
    process = subprocess.Popen(
        command,
        env={**os.environ, **subject.environment},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield process, port
    finally:
        process.terminate()
        process.wait(timeout=30)


def _first_answer(
    subject: Subject, body: bytes, process: subprocess.Popen[bytes], port: int
) -> http.client.HTTPConnection:
    while process.poll() is None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        try:
            _ask(connection, subject, body)
        except OSError:
            time.sleep(0.002)
        else:
            return connection
    raise click.ClickException(f"{subject.name}: the server ended with {process.returncode}")


def _ask(connection: http.client.HTTPConnection, subject: Subject, body: bytes) -> None:
    connection.request("POST", subject.path, body, {"Content-Type": "application/json"})
    response = connection.getresponse()
    answer = response.read()
    if response.status != subject.status:
        raise click.ClickException(f"{subject.name}: {response.status} {answer[:200]!r}")


def _throughput(subject: Subject, body: bytes, port: int) -> float | None:
    if shutil.which("wrk") is None:
        return None
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        script.write('wrk.method = "POST"\n')
        script.write('wrk.headers["Content-Type"] = "application/json"\n')
        script.write(f"wrk.body = [=[{body.decode()}]=]\n")
        script.flush()
        command = ["wrk", "-t1", f"-c{_CONNECTIONS}", f"-d{_LOAD_SECONDS}s", "-s", script.name]
        command += [f"http://127.0.0.1:{port}{subject.path}"]
        process = subprocess.run(command, capture_output=True, text=True, check=True)
    found = re.search(r"Requests/sec:\s+([\d.]+)", process.stdout)
    return float(found[1]) if found else None


def _worker_pss_mib(pid: int) -> float:
    """Memory of the server's worker, with pages that it shares counted in part."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    rollup = Path(f"/proc/{children[0]}/smaps_rollup").read_text()
    found = re.search(r"^Pss:\s+(\d+) kB", rollup, re.MULTILINE)
    return int(found[1]) / 1024 if found else float("nan")


def _medians(result: Result) -> dict[str, float]:
    return {
        name: statistics.median(values)
        for name in ("cold_start_ms", "p50_ms", "requests_per_second", "pss_mib")
        if (values := getattr(result, name))
    }


def _table(summary: Mapping[str, Mapping[str, Any]]) -> Table:
    table = Table(box=box.SIMPLE, title="medians; in brackets the ratio to the echo function")
    table.add_column("function")
    columns = {
        "cold_start_ms": "cold start ms",
        "p50_ms": "p50 ms",
        "requests_per_second": f"requests/s, c={_CONNECTIONS}",
        "pss_mib": "worker PSS MiB",
    }
    for title in columns.values():
        table.add_column(title, justify="right")
    base = next(iter(summary.values()))
    for name, medians in summary.items():
        cells = []
        for key in columns:
            if key in medians:
                digits = 2 if key == "p50_ms" else 0
                ratio = medians[key] / base[key]
                cells.append(f"{medians[key]:,.{digits}f} ({ratio:.2f})")
            else:
                cells.append("")
        table.add_row(name, *cells)
    return table


if __name__ == "__main__":
    main()
