"""The command ``list``, which prints the versions of a registry."""

from __future__ import annotations

import json

import click

import model_export
from model_export.cli.exit_codes import reports_errors
from model_export.console.console import open_console
from model_export.console.documents import listing_row, versions_table


@click.command(name="list")
@click.argument("registry")
@click.argument("name", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line.")
@reports_errors
def list_command(registry: str, name: str | None, as_json: bool) -> None:
    """List the versions in REGISTRY, of one model or of all."""
    store = model_export.open_registry(registry)
    versions = list(model_export.list_versions(store, name))
    if as_json:
        for listed in versions:
            click.echo(json.dumps(listing_row(listed)))
        return
    if not versions:
        click.echo(f"{store.uri}: nothing is published here", err=True)
        return
    console = open_console()
    console.print(versions_table(versions, console.width))
