"""Where text for people goes."""

from __future__ import annotations

from typing import TextIO

from rich.console import Console

_PIPED_WIDTH = 2000


def open_console(file: TextIO | None = None) -> Console:
    """A file, or stdout; wide enough when piped that no table wraps, so that lines stay lines."""
    # No markup: labels and names may have brackets in them.
    found = Console(file=file, highlight=False, markup=False, emoji=False)
    if not found.is_terminal:
        found.width = _PIPED_WIDTH
    return found
