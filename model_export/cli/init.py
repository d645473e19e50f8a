"""The command ``init``, which drafts a recipe for a saved model."""

from __future__ import annotations

import os
from contextlib import redirect_stdout
from pathlib import Path

import click
from rich.console import Console

import model_export
from model_export.cli.exit_codes import reports_errors
from model_export.errors import UsageError


@click.command()
@click.argument("model", type=click.Path(path_type=Path))
@click.option("--data", help="Examples: module:function or .npz, as the recipe names them.")
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    default=Path("recipe.toml"),
    help="File for the recipe; it must not be there yet.",
)
@reports_errors
def init(model: Path, data: str | None, output: Path) -> None:
    """Write a recipe for MODEL: what can be read off it filled in, the rest as comments.

    With --data, what only examples show is filled in, too. A path is relative to where you are; the
    recipe has it relative to itself.
    """
    if output.exists():
        raise UsageError(f"{output}: there is a file already; give another name with --output")
    folder = output.resolve().parent
    if not folder.is_dir():
        raise UsageError(f"{output}: there is no folder {folder}; make it first")
    if data is not None and data.endswith(".npz"):
        data = os.path.relpath(Path(data).resolve(), folder)
    with model_export.native_logs_held_back() as stderr, redirect_stdout(stderr):
        progress = model_export.Progress(Console(file=stderr))
        text = model_export.draft_recipe(model.resolve(), folder, data, progress)
    with output.open("x", encoding="utf-8") as file:
        file.write(text)
    click.echo(f"{output}: read it, then run python -m model_export export {output}")
