"""Prints an `ExportError` of a command, and exits with its exit code."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec

import click

from model_export.errors import ExportError

P = ParamSpec("P")


def reports_errors(command: Callable[P, None]) -> Callable[P, None]:
    """An `ExportError` becomes a message and its exit code; anything else is a bug, and shows."""

    @wraps(command)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            command(*args, **kwargs)
        except ExportError as error:
            click.echo(f"error: {error}", err=True)
            sys.exit(error.exit_code)

    return wrapped
