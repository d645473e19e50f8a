"""The command ``promote``, which points an alias to a version."""

from __future__ import annotations

import click

import model_export
from model_export.cli.exit_codes import reports_errors
from model_export.console.documents import release_in_words


@click.command()
@click.argument("name")
@click.argument("source")
@click.argument("alias")
@click.option("--registry", required=True, help="URI of the registry.")
@reports_errors
def promote(name: str, source: str, alias: str, registry: str) -> None:
    """Release a version: point ALIAS of model NAME to SOURCE, a version or another alias.

    Running functions follow within ALIAS_REFRESH_SECONDS; nothing is deployed. A canary or a shadow
    of ALIAS ends, and is named.
    """
    store = model_export.open_registry(registry)
    click.echo(release_in_words(model_export.promote(store, name, source, alias)))
