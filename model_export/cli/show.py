"""The command ``show``, which prints what is published."""

from __future__ import annotations

import json

import click

import model_export
from model_export.cli.exit_codes import reports_errors
from model_export.console.console import open_console
from model_export.console.documents import print_contract, print_document
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
    document = model_export.find_document(uri)
    if as_json:
        click.echo(json.dumps(encode(document)))
        return
    from model_export.console.contract import read_contract  # which imports the function's service

    console = open_console()
    print_document(document, console)
    registry, manifest = model_export.find_artifact(uri)
    store = model_export.open_registry(registry)
    print_contract(read_contract(store, manifest), console)
