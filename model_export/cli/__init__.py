"""The command-line interface; a module per group of commands."""

from __future__ import annotations

import click

from model_export.cli import bundle, export, release, show, verify


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Turns a trained Keras classifier into an artifact that the function serves.

    Exit codes: 0 done, 2 usage or recipe, 3 load or conversion, 4 the gate failed and nothing was
    published, or what is served is not what was made, 5 registry, 130 interrupted, 1 a bug.
    """


for command in (
    export.export,
    export.sensitivity,
    show.show,
    show.list_command,
    verify.verify,
    release.promote,
    release.rollback,
    bundle.bundle,
):
    main.add_command(command)
