"""Text for people, in a file or on a pipe."""

from __future__ import annotations

import io

from rich.table import Table

from model_export.console.console import open_console


def test_lines_of_a_pipe_neither_wrap_nor_end_in_blanks() -> None:
    file = io.StringIO()
    table = Table("name", "words")
    table.add_row("a", "b " * 100)
    table.add_row("c", "d")
    console = open_console(file)
    console.print(table)
    console.print("  last")
    lines = file.getvalue().splitlines()
    assert any("b " * 99 + "b" in line for line in lines)
    assert all(line == line.rstrip() for line in lines)
    assert lines[-1] == "  last"
