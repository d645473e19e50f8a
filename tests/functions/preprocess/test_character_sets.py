"""Sets of characters that are quick to look up."""

from __future__ import annotations

import re
import sys

import pytest

from tflite_serving.preprocess.character_sets import coarse


def ranges(*pairs: tuple[int, int]) -> str:
    return "".join(f"\\U{first:08x}-\\U{last:08x}" for first, last in pairs)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("", ""),
        # Below 65,536 each range stays.
        (ranges((0x20, 0x2F), (0x41, 0x41)), ranges((0x20, 0x2F), (0x41, 0x41))),
        # Beyond, those that are near each other become one.
        (ranges((0x1F300, 0x1F5FF), (0x1F600, 0x1F64F)), ranges((0x1F300, 0x1F64F))),
        (ranges((0x10000, 0x10001), (0x1F600, 0x1F64F)), None),
        ("\\U00010000\\U00010010", ranges((0x10000, 0x10010))),
    ],
)
def test_far_ranges_that_are_near_each_other_are_joined(given: str, expected: str | None) -> None:
    assert coarse(given) == (given if expected is None else expected)


def test_all_of_a_set_is_in_the_coarse_one_and_nothing_else_near_its_beginning() -> None:
    given = ranges((0x30, 0x39), (0xFF10, 0xFF19), (0x1D7CE, 0x1D7FF), (0x1D900, 0x1D901))
    fine, wide = re.compile(f"[{given}]"), re.compile(f"[{coarse(given)}]")
    characters = [chr(code) for code in range(sys.maxunicode + 1)]
    assert [c for c in characters if fine.match(c) and not wide.match(c)] == []
    more = [c for c in characters if wide.match(c) and not fine.match(c)]
    assert more == [chr(code) for code in range(0x1D800, 0x1D900)]
