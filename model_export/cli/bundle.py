"""The command ``bundle``, which builds the zip that is deployed."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import click

import model_export
from model_export.cli.exit_codes import reports_errors
from model_export.errors import UsageError


@click.command()
@click.option(
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("build"),
    help="Folder for the zip.",
)
@click.option(
    "--bake",
    "models",
    multiple=True,
    metavar="MODEL",
    help="Put this model into the zip: NAME, NAME@ALIAS or NAME@VERSION; again for more of them.",
)
@click.option("--registry", help="URI of the registry that baked models are taken from.")
@click.option("--any-size", is_flag=True, help="Write the zip however large it is.")
@reports_errors
def bundle(output: Path, models: tuple[str, ...], registry: str | None, any_size: bool) -> None:
    """Zip the function for deployment, byte for byte the same each time.

    With --bake, the function serves the baked models as they are now, and needs neither a
    registry nor settings.
    """
    if bool(models) != (registry is not None):
        raise UsageError("expected --bake MODEL and --registry URI together, got one of them")
    log = partial(click.echo, err=True)
    path = model_export.write_bundle(output, models, registry, any_size=any_size, log=log)
    click.echo(f"{path}  {path.stat().st_size:,} bytes")
