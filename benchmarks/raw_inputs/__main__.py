"""Compares raw inputs' answers with Keras's, asks hostile ones, and writes docs/10-raw-inputs.md.

python -m benchmarks.raw_inputs --parts parity,hostile
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import click
from rich.console import Console

from benchmarks.compression.document import Block, show, write
from benchmarks.raw_inputs import parity, refusals
from benchmarks.serving.server import SubjectFailed
from model_export import Progress, host_cpu, open_console

_PARTS: dict[str, Callable[[Progress], list[Block]]] = {
    "parity": parity.run,
    "hostile": refusals.run,
}


def _read_parts(_context: click.Context, _parameter: click.Parameter, value: str) -> list[str]:
    names = [name.strip() for name in value.split(",") if name.strip()]
    if not names or not set(names) <= set(_PARTS):
        raise click.BadParameter(f"expected some of {', '.join(_PARTS)}, got {value!r}")
    return names


@click.command()
@click.option(
    "--parts",
    default=",".join(_PARTS),
    show_default=True,
    callback=_read_parts,
    help="Separated by commas.",
)
@click.option(
    "--document",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    default=Path("docs/10-raw-inputs.md"),
    show_default=True,
)
def main(parts: list[str], document: Path) -> None:
    """Measures what raw inputs come to."""
    progress, console = Progress(Console(stderr=True)), open_console(sys.stdout)
    for name in parts:
        try:
            blocks = _PARTS[name](progress)
        except (parity.ExampleFailed, refusals.Unexpected, SubjectFailed) as error:
            console.print(f"error: {error}")
            sys.exit(1)
        measured = f"Measured on {datetime.now(UTC):%Y-%m-%d}, {host_cpu()}."
        show(console, blocks)
        write(document, name, [*blocks, measured])


if __name__ == "__main__":
    main()
