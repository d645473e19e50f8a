"""Measures what compression does, and writes it into docs/5-compression.md.

    python -m benchmarks.compression --only comparison --only time

Everything in a table is measured in one run, in turns, so that its ratios hold whatever else the
machine does meanwhile; the absolute numbers are this machine's.
"""

from __future__ import annotations

import os
import platform
import sys
import time
from contextlib import redirect_stdout
from datetime import UTC, datetime
from importlib import import_module, metadata
from pathlib import Path

import click
from rich.console import Console

from benchmarks.compression.data import DataMissing
from benchmarks.compression.document import Block, show, write
from model_export import Progress, host_cpu, native_logs_held_back, open_console

_PARTS = {
    "comparison": "comparison",
    "pruning": "pruning",
    "time": "duration",
    "rescue": "rescue",
    "memory": "memory",
    "sparse": "sparse_kernels",
    "stem": "stem",
    "confidence": "confidence",
}
"""Their modules; each has ``run(progress, quick)``."""
_ENVIRONMENT = "environment"
_PACKAGES = ("tensorflow", "keras", "ai-edge-litert", "litert-quantizer", "numpy")


@click.command()
@click.option("--only", multiple=True, type=click.Choice(list(_PARTS)), help="May be repeated.")
@click.option("--quick", is_flag=True, help="Small, few rounds; the document stays as it is.")
@click.option(
    "--document",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    default=Path("docs/5-compression.md"),
    show_default=True,
)
def main(only: tuple[str, ...], quick: bool, document: Path) -> None:
    """Measures what compression does."""
    console = open_console(sys.stdout)
    measured = []
    # Progress, training and TensorFlow's own words go to stderr.
    with native_logs_held_back() as stderr, redirect_stdout(stderr):
        progress = Progress(Console(file=stderr))
        for name in only or _PARTS:
            progress.console.rule(name, align="left")
            try:
                blocks = _run(name, progress, quick)
            except DataMissing as missing:
                progress.log(f"skipped: {missing}")
                continue
            measured.append(name)
            show(console, blocks)
            if not quick:
                write(document, name, blocks)
                write(document, _ENVIRONMENT, [_environment(measured)])
    show(console, [_environment(measured)])


def _run(name: str, progress: Progress, quick: bool) -> list[Block]:
    began = time.perf_counter()
    found: list[Block] = import_module(f"benchmarks.compression.{_PARTS[name]}").run(
        progress, quick=quick
    )
    progress.log(f"{name}: {time.perf_counter() - began:.0f} s in all")
    return found


def _environment(measured: list[str]) -> str:
    versions = ", ".join(f"{name} {metadata.version(name)}" for name in _PACKAGES)
    parts = "" if len(measured) == len(_PARTS) else f" (the last run: {', '.join(measured)})"
    return (
        f"Measured on {datetime.now(UTC):%Y-%m-%d}{parts}: {host_cpu()}, {os.cpu_count()} "
        f"processors, Python {platform.python_version()}, {versions}."
    )


if __name__ == "__main__":
    main()
