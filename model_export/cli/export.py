"""The command ``export``, which runs a recipe."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from contextlib import redirect_stdout
from pathlib import Path

import click
from rich.console import Console

import model_export
from model_export.cli.exit_codes import reports_errors
from model_export.console.candidates import candidates_table, outcome, print_candidates
from model_export.console.console import open_console
from model_export.errors import GateError, Interrupted
from tflite_serving.contract.codec import encode


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
    parsed = model_export.read_recipe(recipe, overrides)
    if not dry_run and registry is None and parsed.publish.registry is None:
        raise click.UsageError(
            "no registry: give --registry URI, set publish.registry in the recipe, or --dry-run"
        )
    # Progress goes to stderr, and so does what the user's own code prints: stdout is for what the
    # command is asked for.
    with model_export.native_logs_held_back() as stderr, redirect_stdout(stderr):
        try:
            done = model_export.export(
                parsed,
                folder=recipe.resolve().parent,
                registry=registry,
                dry_run=dry_run,
                resume=resume,
                work=work,
                command=_command(recipe, overrides),
                progress=model_export.Progress(Console(file=stderr)),
            )
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


def _command(recipe: Path, overrides: Sequence[str]) -> str:
    settings = [part for override in overrides for part in ("--set", override)]
    return shlex.join(["python", "-m", "model_export", "export", str(recipe), *settings])
