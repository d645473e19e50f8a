"""Simplifies character classes of regular expressions, for faster matching."""

from __future__ import annotations

import re

_RANGE = re.compile(r"\\U([0-9a-f]{8})(?:-\\U([0-9a-f]{8}))?")
_FIRST_FAR = 0x10000
_GAP = 0x400


def coarse(characters: str) -> str:
    r"""A superset of a set of characters that regular expressions match ten times as fast.

    Python compares every character with each range beyond the first 65,536 characters, one after
    the other; of these there are few here.

    Args:
        characters: Character ranges as between the brackets of a regular expression, each end of
            which is written like ``\U0001ccd6``.
    """
    found: list[tuple[int, int]] = []
    for first, last in _RANGE.findall(characters):
        start, end = int(first, 16), int(last or first, 16)
        if found and start >= _FIRST_FAR and found[-1][1] >= max(_FIRST_FAR, start - _GAP):
            found[-1] = (found[-1][0], end)
        else:
            found.append((start, end))
    return "".join(f"\\U{start:08x}-\\U{end:08x}" for start, end in found)
