"""Compares the function with its peers, and writes it into docs/6-serving-performance.md.

    python -m benchmarks.serving --parts throughput,cold-start --rounds 3

Everything in a table is measured in one run, in turns, so that its ratios hold whatever else the
machine does meanwhile; the absolute numbers are this machine's.
"""

from __future__ import annotations

import os
import platform
import signal
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import click
from rich.console import Console

from benchmarks.compression.document import Block, show, write
from benchmarks.serving import (
    batching,
    cold_start,
    large_tensor,
    memory,
    photo,
    tables,
    tail_latency,
    texts,
    throughput,
)
from benchmarks.serving.environments import WORK
from benchmarks.serving.goals import summary
from benchmarks.serving.measurements import Measurements, load
from benchmarks.serving.run import Run
from benchmarks.serving.subjects import SUBJECTS, chosen
from model_export import Progress, host_cpu, open_console

_PARTS: dict[str, Callable[[Run], None]] = {
    "throughput": throughput.run,
    "batching": batching.run,
    "open-loop": tail_latency.run,
    "cold-start": cold_start.run,
    "memory": memory.run,
    "large-tensor": large_tensor.run,
    "photo": photo.run,
    texts.PART: texts.run,
}
_RESULTS = WORK / "results.json"


def _read_parts(_context: click.Context, _parameter: click.Parameter, value: str) -> list[str]:
    names = [name.strip() for name in value.split(",") if name.strip()]
    unknown = [name for name in names if name not in _PARTS]
    if unknown or not names:
        raise click.BadParameter(f"expected some of {', '.join(_PARTS)}, got {value!r}")
    return names


@click.command()
@click.option("--rounds", default=5, show_default=True, type=click.IntRange(1))
@click.option(
    "--seconds", default=2, show_default=True, type=click.IntRange(1), help="Of each load."
)
@click.option(
    "--only",
    multiple=True,
    type=click.Choice([subject.key for subject in SUBJECTS]),
    help="Measure this subject; again for more. The document stays as it is.",
)
@click.option(
    "--parts",
    default=",".join(_PARTS),
    show_default=True,
    callback=_read_parts,
    help="Separated by commas.",
)
@click.option("--quick", is_flag=True, help="One short round; the document stays as it is.")
@click.option(
    "--document",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    default=Path("docs/6-serving-performance.md"),
    show_default=True,
)
def main(
    rounds: int,
    seconds: int,
    only: tuple[str, ...],
    parts: list[str],
    quick: bool,
    document: Path,
) -> None:
    """Compares the function with its peers."""
    # Otherwise it would end without ending the server that it started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    progress = Progress(Console(stderr=True))
    console = open_console(sys.stdout)
    is_whole = not quick and not only
    found = load(_RESULTS) if is_whole else Measurements()
    for name in parts:
        run = Run(name, chosen(only), 1 if quick else rounds, 1 if quick else seconds, progress)
        _PARTS[name](run)
        found.replace(name, run.found, _described(rounds, seconds), run.notes)
        found.save(_RESULTS if is_whole else _RESULTS.with_name("partial.json"))
        blocks = tables.BLOCKS[name](found)
        show(console, blocks)
        if is_whole:
            write(document, name, blocks)
    _conclude(found, document if is_whole else None, console)


def _conclude(found: Measurements, document: Path | None, console: Console) -> None:
    """What all parts come to, those of former runs too.

    The document keeps what it has until all of them were measured on this machine.
    """
    conclusions: dict[str, list[Block]] = {
        "environment": [_environment(found)],
        "goals": tables.goals(found),
        "subjects": tables.subjects(),
    }
    missing = [name for name in _PARTS if name not in found.runs]
    if document is not None and not missing:
        for name, blocks in conclusions.items():
            write(document, name, blocks)
    show(console, conclusions["goals"][:1])
    console.print(summary(found))
    if document is not None and missing:
        console.print(
            f"{document}: {', '.join(conclusions)} stay as they are, because these parts were "
            f"never measured here: {', '.join(missing)}"
        )


def _described(rounds: int, seconds: int) -> str:
    command = " ".join(["python -m benchmarks.serving", *sys.argv[1:]])
    date = f"{datetime.now(UTC):%Y-%m-%d}"
    return f"{date} by `{command}`, {rounds} rounds, loads of {seconds} s"


def _environment(found: Measurements) -> str:
    parts: dict[str, list[str]] = {}
    for part, described in found.runs.items():
        parts.setdefault(described, []).append(part)
    runs = [
        described if len(parts) == 1 else f"{described} ({', '.join(names)})"
        for described, names in parts.items()
    ]
    return (
        f"Measured on {'; '.join(runs)}: {host_cpu()}, {os.cpu_count()} processors, "
        f"Linux {platform.release()}, Python {platform.python_version()}."
    )


if __name__ == "__main__":
    main()
