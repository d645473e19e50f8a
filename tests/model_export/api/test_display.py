"""Text and tables for a notebook's cell."""

from __future__ import annotations

import pytest
from rich.table import Table

from model_export.api.display import NotebookProgress, as_html, as_text


class Cell:
    """What IPython's `display` does, with each state of the one display that is made."""

    def __init__(self) -> None:
        self.states: list[dict[str, str]] = []

    def __call__(self, data: dict[str, str], *, raw: bool, display_id: bool) -> Cell:
        assert raw
        assert display_id
        assert not self.states  # the display is made once, and updated after that
        self.states.append(data)
        return self

    def update(self, data: dict[str, str], *, raw: bool) -> None:
        assert raw
        self.states.append(data)

    def text(self, kind: str = "text/plain") -> str:
        return self.states[-1][kind]


def test_a_step_under_way_is_shown_and_then_its_result() -> None:
    cell = Cell()
    progress = NotebookProgress(cell)
    with progress.step("convert") as step:
        assert cell.text() == "  convert …"
        progress.log("a <layer>")
        step.result = "2 bytes"
    first, last = cell.text().splitlines()
    assert first == "    a <layer>"
    assert last.startswith("  convert")
    assert last.endswith("s  2 bytes")
    assert "a &lt;layer&gt;" in cell.text("text/html")


def test_fractions_do_not_redraw_the_cell_each_time() -> None:
    cell = Cell()
    with NotebookProgress(cell).step("measure") as step:
        for part in range(1000):
            step.advance(part / 1000)
    assert len(cell.states) < 20


def test_a_failed_step_leaves_what_was_done(capsys: pytest.CaptureFixture[str]) -> None:
    cell = Cell()
    progress = NotebookProgress(cell)
    with progress.step("load"):
        pass
    with pytest.raises(ValueError, match="broken"), progress.step("convert"):
        raise ValueError("broken")
    assert "load" in cell.text()
    assert cell.text().endswith("convert failed")
    assert capsys.readouterr().out == ""


def test_names_with_markup_stay_as_they_are() -> None:
    table = Table()
    table.add_column("[bold]name[/]", header_style="none")
    table.add_row("<b>x</b>")
    assert "<b>x</b>" in as_text(table)
    assert "&lt;b&gt;x&lt;/b&gt;" in as_html(table, "a line")
    assert as_html("a line").startswith("<pre")
