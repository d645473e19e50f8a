"""Exports a model, and stops at a place that is named; as a program, by SIGKILL.

Usage: interrupted.py RECIPE REGISTRY PLACE

PLACE is the title of a step, which is then not begun; a title with "…", for what the step is in the
middle of; or the begin of a line about a step. What was finished before is gone on with.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console

from model_export.pipeline import Export, Request, export
from model_export.progress import Progress, Step
from model_export.recipe.recipe import read_recipe


class Stopping(Progress):
    """Tells of steps until the place is reached.

    Args:
        console: where to.
        place: see above.
        stop: ends the export.
    """

    def __init__(self, console: Console, place: str, stop: Callable[[], None]) -> None:
        super().__init__(console)
        self._place = place
        self._stop = stop

    @contextmanager
    def step(self, title: str) -> Iterator[Step]:
        """See `Progress`."""
        if title == self._place:
            self._stop()
        with super().step(title) as step:
            if f"{title}…" == self._place:
                step.advance = lambda fraction: self._stop()
            yield step

    def log(self, text: str) -> None:
        """See `Progress`."""
        super().log(text)
        if self._place and text.startswith(self._place):
            self._stop()


def run(recipe: Path, registry: str, place: str, stop: Callable[[], None], told: Console) -> Export:
    """Exports until the place, or to the end."""
    request = Request(
        recipe=read_recipe(recipe), folder=recipe.parent, registry=registry, resume=True
    )
    return export(request, Stopping(told, place, stop))


if __name__ == "__main__":
    run(
        Path(sys.argv[1]),
        sys.argv[2],
        sys.argv[3],
        lambda: os.kill(os.getpid(), signal.SIGKILL),
        Console(file=sys.stdout, width=200),
    )
