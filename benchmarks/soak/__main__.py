"""Sends many requests of all kinds to one function, and looks at every answer and at its memory.

    python -m benchmarks.soak --requests 200000

Most requests are small and good, some are large or wrong in many ways, and some clients leave. It
fails if any answer is not the one that it must be. It needs the models of `benchmarks.serving`,
and makes them if no former run did.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections import Counter
from pathlib import Path

import click
from rich.console import Console

from benchmarks.compression.document import Table, show
from benchmarks.serving.models import REGISTRY, model
from benchmarks.serving.ports import free_port
from benchmarks.serving.questions import ask
from benchmarks.serving.server import Server, running
from benchmarks.serving.subjects import Start, function_from_here
from benchmarks.soak.client import Found, load
from benchmarks.soak.memory import Course, Sample, course, sample, worker
from benchmarks.soak.plot import memory_plot
from benchmarks.soak.questions import Share, mix
from benchmarks.soak.reference import right_answers
from model_export import Progress, open_console

_SAMPLES = 200


@click.command()
@click.option("--requests", default=200_000, show_default=True, type=click.IntRange(100))
@click.option("--connections", default=16, show_default=True, type=click.IntRange(1))
@click.option(
    "--plot",
    type=click.Path(dir_okay=False, path_type=Path),
    default=Path("docs/6-serving-performance/soak.svg"),
    show_default=True,
)
def main(requests: int, connections: int, plot: Path) -> None:
    """Sends many requests of all kinds, and looks at every answer and at memory."""
    progress = Progress(Console(stderr=True))
    models = (model("digits", progress), model("mobilenet", progress))
    with progress.step("questions"):
        shares = mix(*models)
    port = free_port()
    with running(_start(port), port) as server:
        server.cold_start(ask(models[0], "instances"))
        with progress.step("reference"):
            answers = asyncio.run(right_answers(port, shares, models))
        found, samples = _load(server, shares, answers, requests, connections, progress)
    summary = _summary(found, course(samples))
    plot.parent.mkdir(parents=True, exist_ok=True)
    plot.write_bytes(memory_plot(samples, summary))
    show(open_console(sys.stdout), [_statuses(found), *found.wrong, summary])
    sys.exit(1 if found.wrong_count else 0)


def _start(port: int) -> Start:
    """The function from this environment, with its defaults but for the log's length."""
    settings = {
        "MODEL_REGISTRY": REGISTRY.as_uri(),
        "MODELS": "digits,mobilenet",
        "LOG_SAMPLE": "0.01",
    }
    return function_from_here(port, settings)


def _load(
    server: Server,
    shares: tuple[Share, ...],
    answers: dict[bytes, bytes],
    requests: int,
    connections: int,
    progress: Progress,
) -> tuple[Found, list[Sample]]:
    process, every = worker(server.pid), max(1, requests // _SAMPLES)
    samples = [sample(process, 0)]

    def look(found: Found) -> None:
        if found.requests >= samples[-1].requests + every:
            samples.append(sample(process, found.requests))
            step.advance(found.requests / requests)

    with progress.step("load") as step:
        began = time.perf_counter()
        found = asyncio.run(load(server.port, shares, answers, requests, connections, look))
        step.result = f"{requests / (time.perf_counter() - began):,.0f} requests per second"
    samples.append(sample(process, found.requests))
    return found, samples


def _statuses(found: Found) -> Table:
    kinds = list(dict.fromkeys(kind for kind, _ in found.statuses))
    statuses = sorted({status for _, status in found.statuses})
    totals = Counter(status for (_, status) in found.statuses.elements())
    rows = [
        (kind, *(f"{found.statuses[kind, status]:,}" for status in statuses))
        for kind in sorted(kinds)
    ]
    return Table(
        ("asked", *statuses), (*rows, ("all", *(f"{totals[status]:,}" for status in statuses)))
    )


def _summary(found: Found, memory: Course) -> str:
    return (
        f"{found.requests:,} requests, {found.wrong_count:,} unexpected answers; RSS "
        f"{memory.early_mib:.1f} MiB after a tenth of them, {memory.end_mib:.1f} MiB at the end, "
        f"slope {memory.slope_mib:+.2f} MiB per 100,000 requests"
    )


if __name__ == "__main__":
    main()
