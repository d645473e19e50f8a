"""Formats numbers, sizes and texts for the report."""

from __future__ import annotations

import math

_MINUS = "\N{MINUS SIGN}"
_UNSEEN = dict.fromkeys(
    [*range(9), *range(11, 32), *range(0x7F, 0xA0), *range(0x202A, 0x202F), *range(0x2066, 0x206A)]
)
"""Control characters, and those that turn the text after them around; tab and newline are kept."""


def number(value: float) -> str:
    """A quality, a limit or a count: four decimals where that tells enough."""
    if not math.isfinite(value):
        return "not a number" if math.isnan(value) else "∞" if value > 0 else f"{_MINUS}∞"
    magnitude = abs(value)
    if magnitude >= 10:
        digits = 0 if value == int(value) else 1 if magnitude >= 100 else 2
        text = f"{value:,.{digits}f}"
    elif 0 < magnitude < 0.001:
        text = f"{value:.2g}"
    else:
        text = f"{value:.4f}"
    return text.replace("-", _MINUS)


def signed(value: float) -> str:
    """A change."""
    return f"+{number(value)}" if value > 0 else number(value)


def tick(value: float) -> str:
    """A place on an axis."""
    text = f"{value:,.0f}" if 1e5 <= abs(value) < 1e12 else f"{value:,g}"
    return text.replace("-", _MINUS)


def plus(value: float) -> str:
    """A change of a count, or of a percentage."""
    return f"{value:+,}".replace("-", _MINUS) if value else "0"


def milliseconds(value: float) -> str:
    """Three significant digits."""
    return f"{value:,.0f}" if value >= 99.9 else f"{value:#.3g}"


def percent(value: float, digits: int = 0) -> str:
    """A fraction."""
    return f"{100 * value:.{digits}f}\N{NO-BREAK SPACE}%"


def size(count: int) -> str:
    """Bytes, in the unit that suits them."""
    if count < 1000:
        return f"{count}\N{NO-BREAK SPACE}B"
    unit, scale = next(
        (unit, scale) for unit, scale in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)) if count >= scale
    )
    value = count / scale
    digits = 2 if value < 10 else 1 if value < 100 else 0
    return f"{value:.{digits}f}\N{NO-BREAK SPACE}{unit}"


def visible(text: str) -> str:
    """The text without what would change the text around it, or what XML forbids."""
    return text.translate(_UNSEEN)


def clipped(text: str, width: int) -> str:
    """The text, or its beginning."""
    return text if len(text) <= width else text[: width - 1] + "…"


def one_line(text: str, width: int | None = None) -> str:
    """The text in one line, or its beginning: matplotlib would make two texts of two lines."""
    line = " ".join(visible(text).split())
    return line if width is None else clipped(line, width)
