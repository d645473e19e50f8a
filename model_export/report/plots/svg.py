"""Renders a plot as inline SVG, with the page's colours, font and width.

matplotlib knows nothing of dark mode. Plots are drawn with stand-in colours, and each is replaced
with the page's CSS variable.
"""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from xml.etree import ElementTree as ET

import matplotlib.style
from markupsafe import Markup
from matplotlib.figure import Figure

INK, SOFT, LINE = "#010203", "#010204", "#010205"
ACCENT, WORSE, PAPER = "#010206", "#010207", "#010208"

_VARIABLES = {
    INK: "ink",
    SOFT: "soft",
    LINE: "line",
    ACCENT: "accent",
    WORSE: "worse",
    PAPER: "paper",
}
_SVG = "http://www.w3.org/2000/svg"
_DECIMALS = re.compile(r"(\.\d\d)\d+")
_HREF = "{http://www.w3.org/1999/xlink}href"
_STYLE: dict[str, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "report",  # otherwise ids differ each time
    "text.parse_math": False,  # a name may have dollars in it
    "figure.dpi": 72,  # so that a pixel of the figure is a unit of the SVG
    "font.size": 12,
    "text.color": INK,
    "axes.edgecolor": LINE,
    "axes.labelcolor": SOFT,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "grid.color": LINE,
    "grid.linewidth": 0.7,
    "xtick.color": LINE,
    "xtick.labelcolor": SOFT,
    "ytick.color": LINE,
    "ytick.labelcolor": SOFT,
    "xtick.labelsize": 11,
    "ytick.labelsize": 11,
}


@contextmanager
def plotting() -> Iterator[None]:
    """Draws in the page's style, whatever the user's own matplotlibrc says."""
    with matplotlib.style.context(["default", _STYLE]), warnings.catch_warnings():
        # The browser has the glyphs that matplotlib's font lacks.
        warnings.filterwarnings("ignore", message="Glyph", category=UserWarning)
        yield


def inline_svg(figure: Figure, name: str, title: str, description: str) -> Markup:
    """The figure as one ``<svg>`` element, the same bytes each time.

    Args:
        figure: drawn within `plotting`, in the colours above.
        name: unique in the page: its class, and what its ids begin with.
        title: shown when the pointer rests on it.
        description: for those who do not see it.
    """
    buffer = io.BytesIO()
    nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    figure.savefig(buffer, format="svg", transparent=True, metadata=nothing)
    root = ET.fromstring(buffer.getvalue())  # noqa: S314  # matplotlib's own
    _remove_style_sheets(root)
    _keep_needed_ids(root, name)
    for element in root.iter():
        if "style" in element.attrib:
            element.set("style", _themed(element.attrib["style"]))
        if "d" in element.attrib:
            # A hundredth of a pixel is all that anybody sees.
            element.set("d", _DECIMALS.sub(r"\1", element.attrib["d"]))
    for attribute in ("width", "height", "version"):
        root.attrib.pop(attribute, None)
    root.attrib |= {"class": f"plot-{name}", "role": "img", "aria-label": description}
    label = ET.Element(f"{{{_SVG}}}title")
    label.text = title
    root.insert(0, label)
    ET.register_namespace("", _SVG)
    return Markup(ET.tostring(root, encoding="unicode"))  # noqa: S704  # escaped by ElementTree


def _remove_style_sheets(root: ET.Element) -> None:
    # In a page they would hold for the other SVGs, too.
    for definitions in root.iter(f"{{{_SVG}}}defs"):
        for sheet in definitions.findall(f"{{{_SVG}}}style"):
            definitions.remove(sheet)


def _keep_needed_ids(root: ET.Element, name: str) -> None:
    """Each figure numbers its parts from 1: ids that nothing refers to go, others get the name."""
    for element in root.iter():
        if _HREF in element.attrib:
            element.set("href", element.attrib.pop(_HREF).replace("#", f"#{name}-"))
        if "clip-path" in element.attrib:
            element.set("clip-path", element.attrib["clip-path"].replace("#", f"#{name}-"))
    used = {
        found
        for element in root.iter()
        for key in ("href", "clip-path")
        for found in re.findall(r"#([^)]+)", element.get(key, ""))
    }
    for element in root.iter():
        identifier = element.attrib.pop("id", None)
        if f"{name}-{identifier}" in used:
            element.set("id", f"{name}-{identifier}")


def _themed(style: str) -> str:
    for colour, variable in _VARIABLES.items():
        style = style.replace(colour, f"var(--{variable})")
    return re.sub(r"font-family: [^;]*;? ?", "", style)
