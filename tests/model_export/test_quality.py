"""Accuracy, and what can be said of its drop."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_export.quality import accuracy, drop_interval

Z95 = 1.959963984540054
Classes = npt.NDArray[np.int64]


def answers(right: npt.ArrayLike) -> npt.NDArray[Any]:
    """Scores of two classes: class 0, which is right in these tests, or class 1."""
    good = np.asarray(right, dtype=float)
    return np.stack([good, 1 - good], axis=-1)


def zeros(count: int) -> Classes:
    return np.zeros(count, dtype=np.int64)


def test_accuracy_is_the_fraction_of_best_scores_that_are_right() -> None:
    scores = np.array([[0.1, 0.9, 0.0], [0.5, 0.2, 0.3], [0.2, 0.3, 0.5], [0.9, 0.1, 0.0]])
    assert accuracy(scores, np.array([1, 0, 2, 2])) == 0.75


def test_an_answer_of_nan_is_never_right() -> None:
    scores = np.array([[np.nan, np.nan], [0.9, 0.1]])
    assert accuracy(scores, zeros(2)) == 0.5
    low, high = drop_interval(answers([1, 1]), scores, zeros(2))
    assert high > 0.5 > low


@pytest.mark.parametrize(
    ("total", "lost", "won"), [(100, 10, 2), (100, 0, 0), (500, 3, 3), (20, 20, 0), (1, 0, 1)]
)
def test_the_interval_is_that_of_agresti_and_min(total: int, lost: int, won: int) -> None:
    # Wald's interval for matched pairs, with half an observation more in each of the four cells.
    b, c, n = lost + 0.5, won + 0.5, total + 2
    center = (b - c) / n
    reach = Z95 * math.sqrt((b + c) / n**2 - (b - c) ** 2 / n**3)
    reference = [True] * (total - won) + [False] * won
    candidate = [False] * lost + [True] * (total - lost)
    found = drop_interval(answers(reference), answers(candidate), zeros(total))
    assert found == pytest.approx((max(-1, center - reach), min(1, center + reach)))


def test_the_interval_of_a_known_case_is_the_one_computed_by_hand() -> None:
    # 100 pairs, 10 lost, 2 won: (10.5 - 2.5) / 102 = 0.0784, deviation sqrt(13 - 64/102) / 102.
    found = drop_interval(
        answers([True] * 98 + [False] * 2), answers([False] * 10 + [True] * 90), zeros(100)
    )
    assert found == pytest.approx((0.01085, 0.14601), abs=5e-5)


def test_no_change_on_few_examples_proves_little_and_on_many_much() -> None:
    few = drop_interval(answers([True] * 10), answers([True] * 10), zeros(10))
    many = drop_interval(answers([True] * 10_000), answers([True] * 10_000), zeros(10_000))
    assert few[0] < 0 < few[1]
    assert few[1] > 0.1
    assert 0 < many[1] < 0.001


def test_more_confidence_needs_a_wider_interval() -> None:
    reference, candidate = answers([1, 1, 1, 0, 1, 0]), answers([1, 0, 1, 1, 0, 0])
    narrow = drop_interval(reference, candidate, zeros(6), 0.5)
    wide = drop_interval(reference, candidate, zeros(6), 0.99)
    assert wide[0] < narrow[0] < narrow[1] < wide[1]


PAIRS = st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=200)


@given(PAIRS, st.floats(0.5, 0.999))
def test_swapping_the_models_negates_the_interval(
    pairs: list[tuple[bool, bool]], confidence: float
) -> None:
    reference, candidate = (answers(column) for column in zip(*pairs, strict=True))
    low, high = drop_interval(reference, candidate, zeros(len(pairs)), confidence)
    swapped = drop_interval(candidate, reference, zeros(len(pairs)), confidence)
    assert swapped == pytest.approx((-high, -low))


@given(PAIRS)
def test_the_interval_has_its_ends_in_order_and_within_one(pairs: list[tuple[bool, bool]]) -> None:
    reference, candidate = (answers(column) for column in zip(*pairs, strict=True))
    low, high = drop_interval(reference, candidate, zeros(len(pairs)))
    assert -1 <= low < high <= 1


@given(st.lists(st.booleans(), min_size=1, max_size=200))
def test_models_that_agree_everywhere_still_leave_room_on_both_sides(right: list[bool]) -> None:
    low, high = drop_interval(answers(right), answers(right), zeros(len(right)))
    assert low == pytest.approx(-high)
    assert high > 0
