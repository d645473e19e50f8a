"""How figures look in the report."""

from __future__ import annotations

import math

import pytest

from model_export.report.document import formats


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0.98149, "0.9815"),
        (0.0, "0.0000"),
        (-0.0051, "−0.0051"),
        (0.00004, "4e−05"),
        (78.54, "78.54"),
        (2391.04, "2,391.0"),
        (32_000, "32,000"),
        (math.nan, "not a number"),
        (-math.inf, "−∞"),
    ],
)
def test_numbers(value: float, expected: str) -> None:
    assert formats.number(value) == expected


def test_changes_have_a_sign() -> None:
    assert [formats.signed(value) for value in (0.01, 0.0, -0.01)] == [
        "+0.0100",
        "0.0000",
        "−0.0100",
    ]
    assert [formats.plus(value) for value in (1200, 0, -3)] == ["+1,200", "0", "−3"]


@pytest.mark.parametrize(
    ("count", "expected"),
    [(0, "0 B"), (999, "999 B"), (1_340, "1.34 kB"), (28_040, "28.0 kB"), (999_999, "1000 kB"),
     (14_004_112, "14.0 MB"), (3_000_000_000, "3.00 GB")],
)  # fmt: skip
def test_sizes(count: int, expected: str) -> None:
    assert formats.size(count) == expected.replace(" ", "\N{NO-BREAK SPACE}")


@pytest.mark.parametrize(
    ("value", "expected"),
    [(0.01634, "0.0163"), (2.4, "2.40"), (99.95, "100"), (1234.5, "1,234")],
)
def test_milliseconds(value: float, expected: str) -> None:
    assert formats.milliseconds(value) == expected


def test_what_cannot_be_seen_is_removed() -> None:
    assert formats.visible("a\u202eb\x00c\nd 👩\u200d🔬") == "abc\nd 👩\u200d🔬"


def test_long_names_are_clipped() -> None:
    assert formats.clipped("static_int8", 11) == "static_int8"
    assert formats.clipped("static_int8", 7) == "static…"
