"""An inline SVG as a file of its own, on paper or on a dark page."""

from __future__ import annotations

import re

# An image knows nothing of the page around it, but what the reader prefers.
_STYLE = """<style>
svg { --ink: #1c1d1f; --soft: #5b5e64; --line: #d8d7d2; --accent: #0060a0; --worse: #ad4400;
  --paper: #fdfdfb; font-family: system-ui, sans-serif; background: var(--paper) }
@media (prefers-color-scheme: dark) {
  svg { --ink: #e8e6e1; --soft: #a3a6ac; --line: #363a40; --accent: #62b5f0; --worse: #ff9a57;
    --paper: #15171a }
}
</style>"""


def as_file(svg: str, width: int, height: int) -> bytes:
    """The element as a document, with a size in pixels and with colours.

    Args:
        svg: as `model_export.report.plots.svg.inline_svg` makes it.
        width, height: of the picture.
    """
    start = re.match(r"<svg[^>]*>", svg)
    assert start is not None
    head = start[0].replace("<svg", f'<svg width="{width}" height="{height}"', 1)
    return f"{head}\n{_STYLE}{svg[start.end() :]}\n".encode()
