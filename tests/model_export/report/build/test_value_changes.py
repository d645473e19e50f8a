"""What compression did to the values of a regression."""

from __future__ import annotations

import numpy as np
import pytest

from model_export.report.build.value_changes import value_changes

TRUTH = np.array([[0, 0], [10, 1000], [20, 2000], [30, 3000]], np.float32)


def test_what_a_regression_came_to_is_told_of_each_value() -> None:
    values = value_changes(TRUTH, TRUTH + np.array([[0, -4]], np.float32), TRUTH)
    first, second = values.changes
    assert (first.published_error, first.published_bias, first.moved) == (0, 0, 0)
    assert (second.published_error, second.published_bias, second.moved) == (4, -4, 4)
    assert second.deviation == pytest.approx(TRUTH[:, 1].std())
    assert values.points[1] == (1000, 1000, 996)


def test_of_many_examples_a_few_hundred_are_plotted_and_the_worst_among_them() -> None:
    truth = np.linspace(0, 1, 5000, dtype=np.float32)[:, np.newaxis]
    moved = truth.copy()
    moved[[17, 3333]] += 1
    points = value_changes(truth, moved, truth).points
    assert len(points) <= 300
    assert sum(after - before > 0.5 for _, before, after in points) == 2
