"""The command ``rollback``, which points an alias to its former version."""

from __future__ import annotations

import click

import model_export
from model_export.cli.exit_codes import reports_errors
from model_export.console.documents import release_in_words


@click.command()
@click.argument("name")
@click.argument("alias")
@click.option("--registry", required=True, help="URI of the registry.")
@reports_errors
def rollback(name: str, alias: str, registry: str) -> None:
    """Take a release back: point ALIAS of model NAME to the version that it named before.

    Again takes back the release before that. A canary or a shadow of ALIAS ends, and is named.
    """
    store = model_export.open_registry(registry)
    click.echo(release_in_words(model_export.rollback(store, name, alias)))
