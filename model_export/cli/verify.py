"""The command ``verify``, which compares a served model with the model it was made from."""

from __future__ import annotations

import json
from contextlib import redirect_stdout
from pathlib import Path

import click
from rich.console import Console

import model_export
from model_export.cli.exit_codes import reports_errors
from model_export.console.console import open_console
from model_export.console.findings import print_parity
from model_export.errors import UsageError
from tflite_serving.contract.codec import encode


@click.command()
@click.argument("uri")
@click.option(
    "--against",
    type=click.Path(exists=True, path_type=Path),
    help="Keras model to compare with; by default, the artifact's golden examples.",
)
@click.option("--data", help="Examples to ask: module:function or .npz; with --against.")
@click.option(
    "--recipe",
    type=click.Path(path_type=Path),
    help="Recipe whose model and examples these are, with custom objects; instead of both.",
)
@click.option(
    "--set",
    "overrides",
    multiple=True,
    metavar="KEY=VALUE",
    help="Of the recipe; as export has it.",
)
@click.option("--url", help="Ask a function that runs there; by default, its code in this process.")
@click.option("--token", help="Identity token to show to it.")
@click.option(
    "--http", is_flag=True, help="Start a function on a port of this machine, and ask it over HTTP."
)
@click.option("--limit", type=click.IntRange(min=1), help="Ask about the first so many examples.")
@click.option(
    "--min-agreement",
    type=click.FloatRange(0, 1),
    help="Exit with 4 if fewer labels than this fraction agree.",
)
@click.option(
    "--max-difference",
    type=click.FloatRange(min=0),
    help="Exit with 4 if a score or a value differs by more.",
)
@click.option("--json", "as_json", is_flag=True, help="Print what was found as JSON.")
@reports_errors
def verify(
    uri: str,
    against: Path | None,
    data: str | None,
    recipe: Path | None,
    overrides: tuple[str, ...],
    url: str | None,
    token: str | None,
    http: bool,
    limit: int | None,
    min_agreement: float | None,
    max_difference: float | None,
    as_json: bool,
) -> None:
    """Compare what is served with the model that it was made from, from raw inputs on.

    URI is that of an artifact or an alias, as for `show`. The test split of --data or of the
    recipe's is asked, or the golden examples.
    """
    if (against is None) != (data is None):
        raise UsageError("expected --against and --data together, got one of them")
    if recipe is not None and against is not None:
        raise UsageError("expected --recipe, or --against and --data, got both")
    if overrides and recipe is None:
        raise UsageError("--set: expected --recipe, whose keys it overrides")
    if http and url is not None:
        raise UsageError("expected --http or --url, got both")
    if url is not None and not url.startswith(("http://", "https://")):
        raise UsageError(f"--url: expected http://… or https://…, got {url!r}")
    if token is not None and url is None:
        raise UsageError("--token: expected --url, whose function it is shown to")
    registry, manifest = model_export.find_artifact(uri)
    tolerance = model_export.Tolerance(min_agreement=min_agreement, max_difference=max_difference)
    tolerance.check_model(manifest)
    reference = None
    if recipe is not None:
        parsed = model_export.read_recipe(recipe, overrides)
        folder = recipe.resolve().parent
        reference = model_export.Reference(model=parsed.model, data=parsed.data, folder=folder)
    elif against is not None and data is not None:
        reference = model_export.Reference(
            model=model_export.ModelSection(name=manifest.name, source=str(against)),
            data=model_export.DataSection(source=data),
            folder=Path.cwd(),
        )
    target = model_export.Target(url=url, token=token, starts=http)
    with model_export.native_logs_held_back() as stderr, redirect_stdout(stderr):
        progress = model_export.Progress(Console(file=stderr))
        found = model_export.verify(
            registry, manifest, target, progress, reference=reference, limit=limit
        )
    if as_json:
        click.echo(json.dumps(encode(found)))
    else:
        print_parity(found, open_console())
    tolerance.check(found)
