"""Which answers changed, and by how much values moved."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from model_export.dataset.splits import Split
from model_export.report.build.changed import Changes, Scores
from model_export.report.build.shown_inputs import InputsShown
from model_export.report.build.value_changes import value_changes
from tflite_serving.contract.tensors import InputSpec, OutputSpec

PRICE = OutputSpec("price", "float32", (None, 2), task="regression", units="EUR")

TOPICS = OutputSpec(
    "topics", "float32", (None, 3), ("a", "b", "c"), task="multi_label", thresholds=(0.5, 0.5, 0.9)
)

TRUTH = np.array([[0, 0], [10, 1000], [20, 2000], [30, 3000]], np.float32)


def changes(output: OutputSpec, reference: Scores, published: Scores, targets: Scores) -> Changes:
    split = Split({"x": np.zeros((len(targets), 1))}, targets)
    inputs = InputsShown(split, (InputSpec("x", "float32", (None, 1)),))
    return Changes(output, reference, published, targets, inputs)


def test_values_that_moved_most_for_their_spread_come_first() -> None:
    moved = TRUTH + np.array([[0, 0], [0, 600], [8, 0], [0, 30]], np.float32)
    found = changes(PRICE, TRUTH, moved, TRUTH)
    # 30 is little of what the second value spreads over, though it is more than 8.
    assert found.rows() == [2, 1]
    example = found.example(2)
    assert (example.truth, example.published) == ("20, 2000 EUR", "28, 2000 EUR")
    assert example.published_score is None


def test_an_answer_that_is_no_number_has_moved_furthest() -> None:
    moved = TRUTH.copy()
    moved[3, 1], moved[1, 0] = np.nan, 25
    assert changes(PRICE, TRUTH, moved, TRUTH).rows() == [3, 1]
    values = value_changes(TRUTH, moved, TRUTH)
    assert values.plotted == 1
    assert values.changes[1].published_error == values.changes[1].moved == 1e30
    assert [point[0] for point in values.points] == [0, 1000, 2000]


def test_labels_are_listed_at_their_thresholds() -> None:
    targets = np.array([[True, False, True], [False, False, False]])
    reference = np.array([[0.9, 0.1, 0.95], [0.1, 0.1, 0.1]])
    published = np.array([[0.9, 0.1, 0.85], [0.1, 0.1, np.nan]])
    found = changes(TOPICS, reference, published, targets)
    assert found.rows() == [0, 1]
    first, second = found.example(0), found.example(1)
    assert (first.truth, first.reference, first.published) == ("a, c", "a, c", "a")
    assert (second.truth, second.published) == ("none of them", "no answer (NaN)")
    wide = replace(
        TOPICS, shape=(None, 40), labels=tuple(map(str, range(40))), thresholds=(0.5,) * 40
    )
    every = np.ones((1, 40), dtype=bool)
    assert (
        changes(wide, every * 1.0, every * 1.0, every)
        .example(0)
        .truth.endswith("10, 11 and 28 more")
    )
