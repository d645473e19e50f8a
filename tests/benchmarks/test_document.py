"""How the compression benchmark writes what it found."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from benchmarks.compression.document import Picture, Table, drawing, picture, replace_between, write
from benchmarks.compression.document import show as show_blocks
from model_export.console.console import open_console

TEXT = """\
# Title

<!-- one begin -->
<!-- one end -->

Between.

<!-- two begin -->
old
<!-- two end -->
"""


def test_only_what_is_between_the_markers_changes() -> None:
    assert replace_between(TEXT, "two", "new") == TEXT.replace("\nold\n", "\n\nnew\n\n")


def test_replacing_twice_is_replacing_once() -> None:
    once = replace_between(TEXT, "one", "a\n\nb")
    assert replace_between(once, "one", "a\n\nb") == once
    assert replace_between(replace_between(TEXT, "one", "c"), "one", "a\n\nb") == once


@pytest.mark.parametrize(
    "text",
    [
        "",
        "<!-- one begin -->",
        "<!-- one end --><!-- one begin -->",
        "<!-- one begin --><!-- one end --><!-- one begin --><!-- one end -->",
    ],
)
def test_markers_that_are_not_there_once_in_order_are_an_error(text: str) -> None:
    with pytest.raises(ValueError, match="expected <!-- one begin --> and <!-- one end -->"):
        replace_between(text, "one", "new")


def test_blocks_are_written_as_markdown_with_pictures_beside_the_document(tmp_path: Path) -> None:
    document = tmp_path / "5-things.md"
    document.write_text(TEXT)
    table = Table(("what", "bytes"), (("`a`", "1"), ("b", "2")))
    write(document, "one", ["A sentence.", table, Picture("plot", "a plot", b"<svg/>")])
    assert (
        "A sentence.\n\n| what | bytes |\n| :-- | --: |\n| `a` | 1 |\n| b | 2 |\n\n"
        "![a plot](5-things/plot.svg)\n\n<!-- one end -->"
    ) in document.read_text()
    assert (tmp_path / "5-things" / "plot.svg").read_bytes() == b"<svg/>"


def test_a_terminal_gets_the_same_without_markup() -> None:
    file = io.StringIO()
    show_blocks(open_console(file), ["`x` is", Table(("what",), (("**`a`**",),)), _plot()])
    printed = file.getvalue()
    assert "`x` is" in printed
    assert "\n  a\n" in printed
    assert "[picture: a line]" in printed


def test_a_picture_is_the_same_bytes_each_time() -> None:
    assert _plot().svg == _plot().svg
    assert _plot().svg.startswith(b"<?xml")


def _plot() -> Picture:
    with drawing(2, 2) as figure:
        figure.subplots().plot([1, 2])
        return picture(figure, "plot", "a line")
