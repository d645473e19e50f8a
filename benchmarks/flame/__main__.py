"""Draws where the function's time goes while clients load it.

    python -m benchmarks.flame

draws the function of this tree; `--functions` another one, such as a former version's:

    git worktree add build/before <commit>
    python -m benchmarks.flame --functions build/before/functions --output before.svg

It needs `wrk` and `cargo`, and the right to look into other processes (root, or
`kernel.yama.ptrace_scope` 0).
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import click
from rich.console import Console

from benchmarks.serving.cargo import tool
from benchmarks.serving.closed_loop import closed_loop
from benchmarks.serving.environments import ROOT
from benchmarks.serving.models import model
from benchmarks.serving.ports import free_port
from benchmarks.serving.questions import ask
from benchmarks.serving.server import running
from benchmarks.serving.subjects import function_settings, functions_framework
from benchmarks.soak.memory import worker
from model_export import Progress

_RATE = "500"  # samples per second; more would slow what is measured
_CONNECTIONS, _WARM_UP_SECONDS = 8, 1.0
# What starts the worker, below the event loop: the same in every sample.
_BELOW = re.compile(r".*Runner\.run \(asyncio/runners\.py(:\d+)?\)")


@click.command()
@click.option(
    "--functions",
    type=click.Path(exists=True, file_okay=False, resolve_path=True, path_type=Path),
    default=ROOT / "functions",
    help="The function's folder.",
)
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    default=Path("docs/6-serving-performance/flame.svg"),
    show_default=True,
)
@click.option("--title", default="A prediction of digits: now", show_default=True)
@click.option("--seconds", default=10, show_default=True, type=click.IntRange(1, 600))
def main(functions: Path, output: Path, title: str, seconds: int) -> None:
    """Loads a function with eight clients, and draws what its worker does meanwhile."""
    progress = Progress(Console(stderr=True))
    digits = model("digits", progress)
    question, port = ask(digits, "instances"), free_port()
    start = functions_framework(functions / "main.py", "predict", port, function_settings(digits))
    with running(start, port) as server, progress.step("record"):
        server.cold_start(question)
        closed_loop(server.url(question), question, _CONNECTIONS, _WARM_UP_SECONDS)
        recorder = _record(worker(server.pid), seconds)
        load = closed_loop(server.url(question), question, _CONNECTIONS, seconds + 1.0)
        stacks, complaint = recorder.communicate()
    if recorder.returncode:
        sys.exit(f"py-spy: {complaint.strip()}")
    output.parent.mkdir(parents=True, exist_ok=True)
    subtitle = f"{load.per_second:,.0f} requests/s, {_CONNECTIONS} clients, while being sampled"
    output.write_bytes(_draw(above_the_loop(stacks), title, subtitle))
    print(f"{output}: {subtitle}")


def _record(pid: int, seconds: int) -> subprocess.Popen[str]:
    program = str(Path(sys.executable).with_name("py-spy"))
    command = [program, "record", "--pid", str(pid), "--duration", str(seconds), "--rate", _RATE]
    command += ["--format", "raw", "--function", "--output", "/dev/stdout"]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, encoding="utf-8"
    )


def above_the_loop(stacks: str) -> str:
    """Collapsed stacks (``a;b;c 12`` in each line) without what started the event loop."""
    return "\n".join(
        _BELOW.sub("event loop", line, count=1)
        for line in stacks.splitlines()
        if _BELOW.match(line)
    )


def _draw(stacks: str, title: str, subtitle: str) -> bytes:
    program = tool("inferno", "0.12.8", "inferno-flamegraph")
    command = [program, "--title", title, "--subtitle", subtitle, "--countname", "samples"]
    command += ["--width", "1200", "--minwidth", "0.3", "--deterministic"]
    process = subprocess.run(command, input=stacks.encode(), capture_output=True, check=True)
    return process.stdout


if __name__ == "__main__":
    main()
