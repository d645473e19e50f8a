"""Opens a rich console for terminals, files and pipes."""

from __future__ import annotations

import re
import sys
from typing import Any, TextIO, cast

from rich.console import Console

_PIPED_WIDTH = 2000
_BLANKS = re.compile(r" +$", re.MULTILINE)


def open_console(file: TextIO | None = None) -> Console:
    """A file, or stdout; when piped, wide enough that no table wraps, so that lines stay lines."""
    # No markup: labels and names may have brackets in them.
    found = Console(file=file, highlight=False, markup=False, emoji=False)
    if not found.is_terminal:
        found.width = _PIPED_WIDTH
        found.file = cast("TextIO", _Trimmed(file or sys.stdout))
    return found


class _Trimmed:
    """A file whose lines lose the blanks at their ends, up to which tables are filled."""

    def __init__(self, file: TextIO) -> None:
        self._file = file

    def write(self, text: str) -> int:
        return self._file.write(_BLANKS.sub("", text))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)
