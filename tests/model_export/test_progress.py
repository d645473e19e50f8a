"""What a person is told while the export works."""

from __future__ import annotations

import io
import re

from rich.console import Console

from model_export.progress import Progress

LONG = "x" * 300


def told(*, terminal: bool) -> str:
    file = io.StringIO()
    progress = Progress(Console(file=file, force_terminal=terminal, width=80))
    with progress.step("prune") as step:
        progress.tell("epoch 1: [/b] :smile: [bold]layer[/bold]")
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
