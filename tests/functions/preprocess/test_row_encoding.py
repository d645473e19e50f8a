"""Rows of numbers for indices."""

from __future__ import annotations

import numpy as np
import pytest

from tflite_serving.preprocess.row_encoding import count, encode

INDICES = np.array([[0, 2, 2], [-1, 3, 1]])
"""The last two of 3 places are met twice and once; -1 and 3 have none."""


def test_indices_are_left_as_they_are() -> None:
    assert encode(INDICES, "int", 3) is INDICES


@pytest.mark.parametrize(
    ("encoding", "expected"),
    [
        ("one_hot", [[[1, 0, 0], [0, 0, 1], [0, 0, 1]], [[0, 0, 0], [0, 0, 0], [0, 1, 0]]]),
        ("multi_hot", [[1, 0, 1], [0, 1, 0]]),
        ("count", [[1, 0, 2], [0, 1, 0]]),
    ],
)
def test_what_has_no_place_is_in_no_row(encoding: str, expected: list[object]) -> None:
    found = encode(INDICES, encoding, 3)
    assert found.dtype == np.float32
    assert found.tolist() == expected


@pytest.mark.parametrize("encoding", ["multi_hot", "count"])
def test_a_single_value_is_there_once_or_not_at_all(encoding: str) -> None:
    found = encode(np.array([[1], [3], [-1]]), encoding, 3)
    assert found.dtype == np.float32
    assert found.tolist() == [[0, 1, 0], [0, 0, 0], [0, 0, 0]]


def test_each_index_may_count_several_times() -> None:
    rows, times = np.array([0, 0, 1]), np.array([5, 7, 9])
    assert count(np.array([1, 1, 8]), rows, 2, 2, times).tolist() == [[0, 12], [0, 0]]
