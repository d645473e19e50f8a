"""The command ``sensitivity``, which ranks layers by what pruning and quantization cost."""

from __future__ import annotations

import json
from contextlib import redirect_stdout
from pathlib import Path

import click
from rich.console import Console

import model_export
from model_export.cli.exit_codes import reports_errors
from model_export.console.console import open_console
from model_export.console.findings import sensitivity_table
from model_export.errors import UsageError
from tflite_serving.contract.codec import encode

_PLOTS = (".svg", ".png", ".pdf")


@click.command()
@click.argument("recipe", type=click.Path(path_type=Path))
@click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="prune.sparsity=0.8")
@click.option(
    "--plot",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Draw the ranking into this file: .svg, .png or .pdf.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the ranking as JSON on stdout.")
@reports_errors
def sensitivity(recipe: Path, overrides: tuple[str, ...], plot: Path | None, as_json: bool) -> None:
    """Rank the layers by what pruning and int8 cost in quality, each layer alone.

    Nothing is trained and nothing is published; the validation split is asked.
    """
    parsed = model_export.read_recipe(recipe, overrides)
    if plot is not None and plot.suffix not in _PLOTS:
        raise UsageError(f"--plot {plot}: expected one of {', '.join(_PLOTS)}")
    with model_export.native_logs_held_back() as stderr, redirect_stdout(stderr):
        progress = model_export.Progress(Console(file=stderr))
        found = model_export.measure_sensitivity(parsed, recipe.resolve().parent, progress)
        if plot is not None:
            from model_export.report.plots.sensitivity_plot import draw_sensitivity

            draw_sensitivity(found, plot)
    if as_json:
        click.echo(json.dumps(encode(found)))
        return
    open_console().print(sensitivity_table(found))
    if plot is not None:
        click.echo(f"drawn to {plot}", err=True)
