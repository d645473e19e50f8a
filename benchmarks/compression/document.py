"""What the parts find: blocks that a document holds between markers, and a terminal shows."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import matplotlib.style
from matplotlib.figure import Figure
from rich import box
from rich.console import Console
from rich.table import Table as RichTable

_STYLE = {
    "svg.fonttype": "none",
    "svg.hashsalt": "compression",  # otherwise ids differ each time
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
}


@dataclass(frozen=True, slots=True)
class Table:
    """A table; the first `left` columns are text, the others numbers."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    left: int = 1


@dataclass(frozen=True, slots=True)
class Picture:
    """A drawing.

    Attributes:
        name: of its file.
        description: for those who do not see it.
        svg: the file.
    """

    name: str
    description: str
    svg: bytes


Block = str | Table | Picture


@contextmanager
def drawing(width: float, height: float) -> Iterator[Figure]:
    """A figure of so many inches, on white, whatever the user's own matplotlibrc says."""
    with matplotlib.style.context(["default", _STYLE]):
        yield Figure((width, height), layout="constrained")


def picture(figure: Figure, name: str, description: str) -> Picture:
    """The figure as a picture; call it within `drawing`."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None})
    return Picture(name, description, buffer.getvalue())


def replace_between(text: str, name: str, content: str) -> str:
    """The text with something else between ``<!-- NAME begin -->`` and ``<!-- NAME end -->``.

    Raises:
        ValueError: the markers are not there, each once.
    """
    begin, end = f"<!-- {name} begin -->", f"<!-- {name} end -->"
    if text.count(begin) != 1 or text.count(end) != 1 or text.index(begin) > text.index(end):
        raise ValueError(f"expected {begin} and {end}, each once and in this order")
    before, after = text.partition(begin)[0], text.partition(end)[2]
    return f"{before}{begin}\n\n{content}\n\n{end}{after}"


def write(document: Path, name: str, blocks: Sequence[Block]) -> None:
    """Replaces what the document has under a name; pictures go into a folder beside it."""
    text = replace_between(
        document.read_text(encoding="utf-8"),
        name,
        "\n\n".join(_markdown(block, document) for block in blocks),
    )
    for block in blocks:
        if isinstance(block, Picture):
            path = _picture_path(block, document)
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(block.svg)
    document.write_text(text, encoding="utf-8")


def show(console: Console, blocks: Iterable[Block]) -> None:
    """Prints blocks; of pictures, their descriptions."""
    for block in blocks:
        what: str | RichTable
        if isinstance(block, Table):
            what = _rich(block)
        else:
            what = block if isinstance(block, str) else f"[picture: {block.description}]"
        console.print(what)


def _markdown(block: Block, document: Path) -> str:
    if isinstance(block, str):
        return block
    if isinstance(block, Picture):
        path = _picture_path(block, document).relative_to(document.parent)
        return f"![{block.description}]({path.as_posix()})"
    rule = [":--" if index < block.left else "--:" for index in range(len(block.columns))]
    return "\n".join(f"| {' | '.join(row)} |" for row in (block.columns, rule, *block.rows))


def _picture_path(block: Picture, document: Path) -> Path:
    return document.with_suffix("") / f"{block.name}.svg"


def _rich(block: Table) -> RichTable:
    table = RichTable(box=box.SIMPLE)
    for index, column in enumerate(block.columns):
        table.add_column(column, justify="left" if index < block.left else "right", overflow="fold")
    for row in block.rows:
        table.add_row(*(cell.replace("**", "").replace("`", "") for cell in row))
    return table
