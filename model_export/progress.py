"""Tells a person how far the work is: live on a terminal, plain lines when piped."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console


class Step:
    """One step under way. Its `result` is told when it is done."""

    def __init__(self) -> None:
        self.result = ""


class Progress:
    """Tells of steps.

    Args:
        console: where to; its `is_terminal` says whether it is live.
    """

    def __init__(self, console: Console) -> None:
        self.console = console

    @contextmanager
    def step(self, title: str) -> Iterator[Step]:
        """Shows a spinner while the block runs, and one line with its time when it is done."""
        step = Step()
        began = time.perf_counter()
        if self.console.is_terminal:
            with self.console.status(f"{title} …"):
                yield step
        else:
            yield step
        seconds = time.perf_counter() - began
        self._print(f"  {title:<12} {seconds:6.1f} s  {step.result}")

    def tell(self, text: str) -> None:
        """One line about the step under way."""
        self._print(f"    {text}")

    def _print(self, line: str) -> None:
        # Names may have brackets in them, and a line that is piped stays one.
        wrap = self.console.is_terminal
        self.console.print(line, highlight=False, markup=False, emoji=False, soft_wrap=not wrap)
