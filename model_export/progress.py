"""Progress display: live on a terminal, plain lines when piped."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bar


class Step:
    """One step under way.

    Args:
        show: shows how much of it is done, 0 to 1.

    Attributes:
        result: told when it is done.
    """

    def __init__(self, show: Callable[[float], None] = lambda fraction: None) -> None:
        self.result = ""
        self.advance = show


def finished(title: str, seconds: float, step: Step) -> str:
    """The line of a step that is done.

    Args:
        title: Title of the step.
        seconds: Time that it took.
        step: The step, with its result.
    """
    return f"  {title:<12} {seconds:6.1f} s  {step.result}"


class Progress:
    """Tells of steps.

    Args:
        console: where to; its `is_terminal` says whether it is live.
    """

    def __init__(self, console: Console) -> None:
        self.console = console

    @contextmanager
    def step(self, title: str) -> Iterator[Step]:
        """Shows a bar while the block runs, and one line with its time when it is done."""
        began = time.perf_counter()
        if self.console.is_terminal:
            with self._bar() as bar:
                task = bar.add_task(f"  {title}", total=None)
                # A bar that nobody moves shows that something is under way.
                step = Step(lambda fraction: bar.update(task, total=1.0, completed=fraction))
                yield step
        else:
            step = Step()
            yield step
        seconds = time.perf_counter() - began
        self._print(finished(title, seconds, step))

    def log(self, text: str) -> None:
        """One line about the step under way."""
        self._print(f"    {text}")

    def _bar(self) -> Bar:
        columns = (
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=30),
            TimeElapsedColumn(),
        )
        return Bar(*columns, console=self.console, transient=True)

    def _print(self, line: str) -> None:
        # Names may have brackets in them, and a line that is piped stays one.
        wrap = self.console.is_terminal
        self.console.print(line, highlight=False, markup=False, emoji=False, soft_wrap=not wrap)
