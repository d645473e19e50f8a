"""A real browser: headless Chromium, which says what is wrong with a page as it is drawn."""

from __future__ import annotations

import html
import json
import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.support.programs.installed import find_program

_SCRIPT = Path(__file__).with_name("look.js")
_SECONDS = 120
_PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--hide-scrollbars",
    "--virtual-time-budget=20000",
    "--dump-dom",
)
# A window cannot be as narrow as a phone; a frame can. Pages in files may not look into one
# another, so each frame tells what it found.
_FRAMES = """<!doctype html>
<meta name="color-scheme" content="light dark">
<pre id="found"></pre>
<script>
const found = [];
addEventListener("message", (event) => {{
  found.push(event.data);
  document.getElementById("found").textContent = JSON.stringify(found);
}});
</script>
{frames}
"""


@dataclass(frozen=True, slots=True)
class Look:
    """How one page looks in a window.

    Attributes:
        page: its name.
        width: of the window, in pixels.
        dark: whether the user prefers dark.
        problems: what is wrong, such as text that cannot be read.
    """

    page: str
    width: int
    dark: bool
    problems: tuple[str, ...]


def look_at(
    pages: Mapping[str, bytes], widths: Sequence[int], folder: Path, *, dark: bool
) -> list[Look]:
    """Opens each page in each width.

    Without a browser the test is skipped; where CI is set it fails.

    Args:
        pages: HTML by name.
        widths: in pixels.
        folder: for copies of the pages.
        dark: whether the user prefers dark.
    """
    program = find_program(*_PROGRAMS)
    script = _SCRIPT.read_text(encoding="utf-8")
    for name, page in pages.items():
        (folder / f"{name}.html").write_bytes(page + f"<script>{script}</script>".encode())
    frames = "\n".join(
        f'<iframe name="{name}" src="{name}.html" width="{width}" height="900"></iframe>'
        for name in pages
        for width in widths
    )
    outer = folder / "frames.html"
    outer.write_text(_FRAMES.format(frames=frames), encoding="utf-8")
    scheme = f"--blink-settings=preferredColorScheme={0 if dark else 1}"
    profile = f"--user-data-dir={folder / 'profile'}"
    dumped = subprocess.run(
        [program, *_FLAGS, scheme, profile, outer.as_uri()],
        capture_output=True,
        encoding="utf-8",
        timeout=_SECONDS,
        check=True,
    ).stdout
    match = re.search(r'<pre id="found">(.*?)</pre>', dumped, re.DOTALL)
    assert match is not None, dumped
    return [
        Look(one["frame"], one["width"], one["dark"], tuple(one["problems"]))
        for one in json.loads(html.unescape(match[1]) or "[]")
    ]
