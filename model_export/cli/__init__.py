"""The command-line interface; a module per command."""

from __future__ import annotations

import click

from model_export.cli.bundle import bundle
from model_export.cli.export import export
from model_export.cli.init import init
from model_export.cli.list import list_command
from model_export.cli.promote import promote
from model_export.cli.rollback import rollback
from model_export.cli.sensitivity import sensitivity
from model_export.cli.show import show
from model_export.cli.verify import verify


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Turns a trained Keras classifier into an artifact that the function serves.

    Exit codes: 0 done, 2 usage or recipe, 3 load or conversion, 4 the gate failed and nothing was
    published, or what is served is not what was made, 5 registry, 130 interrupted, 1 a bug.
    """


for command in (
    init,
    export,
    sensitivity,
    show,
    list_command,
    verify,
    promote,
    rollback,
    bundle,
):
    main.add_command(command)
