"""What a person is told while the export works."""

from __future__ import annotations

import io
import re

import pytest
from rich.console import Console

from model_export.progress import Progress

LONG = "x" * 300


def told(*, terminal: bool) -> str:
    file = io.StringIO()
    progress = Progress(Console(file=file, force_terminal=terminal, width=80))
    with progress.step("prune") as step:
        progress.log("epoch 1: [/b] :smile: [bold]layer[/bold]")
        step.result = f"50% of {LONG}, [red]"
    return file.getvalue()


def test_a_piped_step_is_one_plain_line_however_long() -> None:
    first, second = told(terminal=False).splitlines()
    assert first == "    epoch 1: [/b] :smile: [bold]layer[/bold]"
    assert re.fullmatch(rf"  prune +\d+\.\d s  50% of {LONG}, \[red\]", second)


def test_a_step_on_a_terminal_shows_names_as_they_are() -> None:
    text = told(terminal=True)
    assert "\x1b[" in text  # the spinner
    assert "[/b] :smile: [bold]layer[/bold]" in text


def test_a_step_that_fails_tells_no_result() -> None:
    file = io.StringIO()
    progress = Progress(Console(file=file))
    try:
        with progress.step("load"):
            raise ValueError
    except ValueError:
        pass
    assert file.getvalue() == ""


@pytest.mark.parametrize("terminal", [True, False])
def test_a_step_may_tell_how_much_of_it_is_done(*, terminal: bool) -> None:
    file = io.StringIO()
    with Progress(Console(file=file, force_terminal=terminal, width=80)).step("measure") as step:
        for fraction in (0.0, 0.5, 1.0):
            step.advance(fraction)
        step.result = "done"
    assert re.search(r"  measure +\d+\.\d s  done", file.getvalue())
    assert len(file.getvalue().splitlines()) == 1 or terminal
