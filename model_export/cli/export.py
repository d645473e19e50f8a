"""The commands ``export`` and ``sensitivity``, which run a recipe."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from contextlib import redirect_stdout
from pathlib import Path

import click
from rich.console import Console

from model_export.cli.exit_codes import reports_errors
from model_export.cli.native_logs import native_logs_held_back
from model_export.console.candidates import candidates_table, outcome, print_candidates
from model_export.console.console import open_console
from model_export.console.findings import sensitivity_table
from model_export.errors import GateError, Interrupted, UsageError
from model_export.progress import Progress
from model_export.recipe.recipe import Recipe, read_recipe
from tflite_serving.contract.codec import encode

_PLOTS = (".svg", ".png", ".pdf")


@click.command()
@click.argument("recipe", type=click.Path(path_type=Path))
@click.option("--registry", help="URI of the registry; the recipe's by default.")
@click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="gate.max_drop=0.02")
@click.option("--dry-run", is_flag=True, help="Measure and judge, but publish nothing.")
@click.option("--resume", is_flag=True, help="Go on with what an interrupted export finished.")
@click.option(
    "--work",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder for unfinished work; the recipe's by default.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the manifest as JSON on stdout.")
@reports_errors
def export(
    recipe: Path,
    registry: str | None,
    overrides: tuple[str, ...],
    dry_run: bool,
    resume: bool,
    work: Path | None,
    as_json: bool,
) -> None:
    """Prune, convert, quantize, measure, judge and publish one model."""
    parsed = read_recipe(recipe, overrides)
    folder = recipe.resolve().parent
    target = None if dry_run else registry or _registry_of(parsed, folder)
    # Progress goes to stderr, and so does what the user's own code prints: stdout is for what the
    # command is asked for.
    with native_logs_held_back() as stderr, redirect_stdout(stderr):
        from model_export.pipeline import Request
        from model_export.pipeline import export as run

        request = Request(
            recipe=parsed,
            folder=folder,
            registry=target,
            resume=resume,
            work=work,
            command=_command(recipe, overrides),
        )
        try:
            done = run(request, Progress(Console(file=stderr)))
        except GateError as error:
            console = open_console(stderr)
            console.print(candidates_table(error.candidates, console.width, error.failed))
            raise
        except KeyboardInterrupt:
            raise Interrupted("interrupted; --resume goes on where it was") from None
    if as_json:
        click.echo(json.dumps(encode(done.manifest)))
        return
    console = open_console()
    print_candidates(done.manifest, console)
    console.print(outcome(done), highlight=False, soft_wrap=True)


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
    parsed = read_recipe(recipe, overrides)
    if plot is not None and plot.suffix not in _PLOTS:
        raise UsageError(f"--plot {plot}: expected one of {', '.join(_PLOTS)}")
    with native_logs_held_back() as stderr, redirect_stdout(stderr):
        from model_export.steps.sensitivity import measure_sensitivity

        found = measure_sensitivity(parsed, recipe.resolve().parent, Progress(Console(file=stderr)))
        if plot is not None:
            from model_export.report.plots.sensitivity_plot import draw_sensitivity

            draw_sensitivity(found, plot)
    if as_json:
        click.echo(json.dumps(encode(found)))
        return
    open_console().print(sensitivity_table(found))
    if plot is not None:
        click.echo(f"drawn to {plot}", err=True)


def _command(recipe: Path, overrides: Sequence[str]) -> str:
    settings = [part for override in overrides for part in ("--set", override)]
    return shlex.join(["python", "-m", "model_export", "export", str(recipe), *settings])


def _registry_of(recipe: Recipe, folder: Path) -> str:
    registry = recipe.publish.registry
    if registry is None:
        raise click.UsageError(
            "no registry: give --registry URI, set publish.registry in the recipe, or --dry-run"
        )
    return registry if "://" in registry else str((folder / registry).resolve())
