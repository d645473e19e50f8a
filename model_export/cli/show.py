"""The commands ``show`` and ``list``, which print what is published."""

from __future__ import annotations

import json

import click

from model_export.cli.exit_codes import reports_errors
from model_export.console.console import open_console
from model_export.console.documents import (
    listing_row,
    print_contract,
    print_document,
    versions_table,
)
from model_export.registry.address import find_artifact, find_document
from model_export.registry.operations import list_versions, open_registry
from tflite_serving.contract.codec import encode


@click.command()
@click.argument("uri")
@click.option("--json", "as_json", is_flag=True, help="Print the document as JSON.")
@reports_errors
def show(uri: str, as_json: bool) -> None:
    """Show one artifact or alias, and what the function that serves it takes and answers.

    URI is <registry>/models/<name>/versions/<version>, …/aliases/<alias>, or …/models/<name> for
    its production alias.
    """
    document = find_document(uri)
    if as_json:
        click.echo(json.dumps(encode(document)))
        return
    from model_export.console.contract import read_contract

    console = open_console()
    print_document(document, console)
    registry, manifest = find_artifact(uri)
    store = open_registry(registry)
    print_contract(read_contract(store, manifest), console)


@click.command(name="list")
@click.argument("registry")
@click.argument("name", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line.")
@reports_errors
def list_command(registry: str, name: str | None, as_json: bool) -> None:
    """List the versions in REGISTRY, of one model or of all."""
    store = open_registry(registry)
    versions = list(list_versions(store, name))
    if as_json:
        for listed in versions:
            click.echo(json.dumps(listing_row(listed)))
        return
    if not versions:
        click.echo(f"{store.uri}: nothing is published here", err=True)
        return
    console = open_console()
    console.print(versions_table(versions, console.width))
