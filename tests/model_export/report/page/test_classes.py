"""What compression did to classes, and which of them are shown."""

from __future__ import annotations

import pytest

from model_export.quality.classes import ClassChange, Confusion, ConfusionCount
from model_export.report.page.classes import (
    MOST,
    changed_pairs,
    heat_map,
    kind,
    most_changed,
)


def row(label: str, reference: float, published: float, examples: int = 10) -> ClassChange:
    return ClassChange(label=label, examples=examples, reference=reference, published=published)


def pair(truth: str, answer: str, reference: int, published: int) -> ConfusionCount:
    return ConfusionCount(truth=truth, answer=answer, reference=reference, published=published)


def test_the_worst_class_comes_first_and_those_without_examples_are_left_out() -> None:
    classes = [row("better", 0.5, 0.9), row("none", 0, 0, examples=0), row("worse", 0.9, 0.6)]
    same = row("same", 0.7, 0.7)
    assert [each.label for each in most_changed([*classes, same])] == ["worse", "same", "better"]


def test_of_many_classes_those_that_changed_most_are_kept() -> None:
    classes = [row(str(index), 0.5, 0.5 + index / 1000) for index in range(MOST + 5)]
    assert [each.label for each in most_changed(classes)] == [
        str(index) for index in range(5, MOST + 5)
    ]


@pytest.mark.parametrize(
    ("count", "expected"),
    [
        (pair("a", "a", 5, 6), "better"),
        (pair("a", "a", 6, 5), "worse"),
        (pair("a", "b", 5, 6), "worse"),
        (pair("a", "b", 6, 5), "better"),
        (pair("a", "b", 5, 5), "same"),
    ],
)
def test_more_right_answers_are_better_and_more_wrong_ones_worse(
    count: ConfusionCount, expected: str
) -> None:
    assert kind(count) == expected


def test_pairs_that_were_never_met_are_zeros_of_the_map() -> None:
    met = pair("a", "b", 1, 2)
    confusion = Confusion(labels=("a", "b"), counts=(met,))
    assert heat_map(confusion) == [
        [pair("a", "a", 0, 0), met],
        [pair("b", "a", 0, 0), pair("b", "b", 0, 0)],
    ]


def test_pairs_that_changed_most_come_first_and_of_two_the_worse_one() -> None:
    counts = (
        pair("a", "a", 5, 5),
        pair("b", "b", 5, 6),
        pair("a", "b", 5, 6),
        pair("b", "a", 5, 9),
    )
    assert changed_pairs(Confusion(labels=("a", "b"), counts=counts)) == [
        counts[3],
        counts[2],
        counts[1],
    ]
