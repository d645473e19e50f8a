"""The command ``bundle``, which builds the zip that is deployed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from model_export.bundle.baked_models import find_models, read_models
from model_export.bundle.zip import ANY_SIZE, PLATFORM, Limits
from model_export.bundle.zip import bundle as write_bundle
from model_export.cli.exit_codes import reports_errors
from model_export.errors import UsageError

_FUNCTIONS = Path(__file__).resolve().parent.parent.parent / "functions"


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
    limits = ANY_SIZE if any_size else PLATFORM
    files = _bake(models, registry, limits)
    path = write_bundle(_FUNCTIONS, output, files, limits)
    click.echo(f"{path}  {path.stat().st_size:,} bytes")


def _bake(models: Sequence[str], registry: str | None, limits: Limits) -> dict[str, bytes]:
    if bool(models) != (registry is not None):
        raise UsageError("expected --bake MODEL and --registry URI together, got one of them")
    if registry is None:
        return {}
    store, found = find_models(models, registry)
    limits.check_unpacked(sum(model.bytes for model in found))  # before anything large is read
    files = read_models(store, found)
    for model in found:
        version = model.manifest.version
        click.echo(f"baked {model.ref}: {version}, {model.bytes:,} bytes", err=True)
        if model.left_behind:
            others = " and ".join(model.left_behind)
            click.echo(f"{model.ref}: {others} left out: a bundle serves one version", err=True)
    return files
