"""Text and tables for a notebook or a terminal, and the progress of an export in either."""

from __future__ import annotations

import html
import io
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO

from rich.console import Console, RenderableType

from model_export.console.candidates import candidates_table
from model_export.errors import GateError
from model_export.progress import Progress, Step, finished

WIDTH = 120
"""Characters of a line: the cells of most notebooks have room for as many."""

_PAGE = (
    '<pre style="white-space: {wrap}; overflow-x: auto; line-height: 1.3; '
    "font-family: Menlo, 'DejaVu Sans Mono', Consolas, monospace\">{code}</pre>"
)
_TABLE = _PAGE.replace("{wrap}", "pre")  # rows stay rows
_LINES = _PAGE.replace("{wrap}", "pre-wrap")
_SECONDS_BETWEEN = 0.2  # a notebook redraws the whole display each time


def as_text(*parts: RenderableType) -> str:
    """Tables and texts as lines for a terminal."""
    console = _recorded(*parts)
    return "\n".join(line.rstrip() for line in console.export_text().splitlines()).strip("\n")


def as_html(*parts: RenderableType) -> str:
    """Tables and texts as HTML for a notebook's cell."""
    return _recorded(*parts).export_html(inline_styles=True, code_format=_TABLE)


def _recorded(*parts: RenderableType) -> Console:
    console = _recorder()
    for part in parts:
        console.print(part, soft_wrap=isinstance(part, str))
    return console


def _recorder() -> Console:
    return Console(
        file=io.StringIO(),
        record=True,
        width=WIDTH,
        markup=False,
        highlight=False,
        emoji=False,
        force_jupyter=False,
        force_terminal=True,
        color_system="truecolor",
        no_color=True,
    )


def open_progress(stderr: TextIO) -> Progress:
    """A progress that suits the place: a notebook's cell, or else the terminal.

    Args:
        stderr: Stream for text that people read.
    """
    display = _notebook()
    return Progress(Console(file=stderr)) if display is None else NotebookProgress(display)


def show_candidates(error: GateError, stderr: TextIO) -> None:
    """Shows the table of candidates of which none keeps the budget."""
    table = candidates_table(error.candidates, WIDTH, error.failed)
    display = _notebook()
    if display is None:
        print(as_text(table), file=stderr)
    else:
        display({"text/plain": as_text(table), "text/html": as_html(table)}, raw=True)


def _notebook() -> Any:
    """IPython's function that displays something in a cell; None outside of a notebook."""
    if "IPython" not in sys.modules:
        return None
    from IPython import get_ipython
    from IPython.display import display

    return display if hasattr(get_ipython(), "kernel") else None


class NotebookProgress(Progress):
    """Progress in one display of a cell: the finished steps, and the one under way.

    Args:
        display: IPython's function of the same name.
    """

    def __init__(self, display: Any) -> None:
        super().__init__(_recorder())
        self._display = display
        self._handle: Any = None
        self._lines: list[str] = []
        self._drawn = 0.0

    @contextmanager
    def step(self, title: str) -> Iterator[Step]:
        """Shows the title while the block runs, and one line with its time when it is done."""
        began = time.perf_counter()

        def advance(fraction: float) -> None:
            if time.perf_counter() - self._drawn > _SECONDS_BETWEEN:
                self._draw(f"  {title:<12} {fraction:6.0%} …")

        self._draw(f"  {title} …")
        step = Step(advance)
        try:
            yield step
        except BaseException:
            self._draw(f"  {title} failed")
            raise
        seconds = time.perf_counter() - began
        self._lines.append(finished(title, seconds, step))
        self._draw()

    def log(self, text: str) -> None:
        """One line about the step under way."""
        self._lines.append(f"    {text}")
        self._draw()

    def _draw(self, under_way: str = "") -> None:
        lines = [*self._lines, under_way] if under_way else self._lines
        text = "\n".join(lines)
        data = {"text/plain": text, "text/html": _LINES.format(code=html.escape(text))}
        if self._handle is None:
            self._handle = self._display(data, raw=True, display_id=True)
        else:
            self._handle.update(data, raw=True)
        self._drawn = time.perf_counter()
