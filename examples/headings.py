"""Where one part of a run ends and the next begins."""

from __future__ import annotations

from rich.console import Console


def heading(console: Console, title: str) -> None:
    """A line that begins a part."""
    console.print(f"\n{title}", style="bold")
