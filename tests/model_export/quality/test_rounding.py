"""What rounding explains, and what it does not."""

from __future__ import annotations

import numpy as np
import pytest

from model_export.quality.rounding import ROUNDING, disturb, excess, noise, scales, worst_rows


def test_scores_are_compared_on_their_own_scale() -> None:
    scores = np.array([[0.999, 0.001]], np.float32)
    assert worst_rows(scores, scores + np.float32(ROUNDING / 2), scales(scores, is_score=True)) < 1
    assert worst_rows(scores, scores + np.float32(ROUNDING * 2), scales(scores, is_score=True)) > 1


def test_every_value_has_its_own_size_and_at_least_the_usual_one_of_its_column() -> None:
    values = np.array([[1e6, 1.0], [3e6, 2.0], [0.0, 100.0]], np.float32)
    assert scales(values, is_score=False).tolist() == [[1e6, 2.0], [3e6, 2.0], [1e6, 100.0]]


def test_one_wrong_row_among_many_is_found() -> None:
    values = np.linspace(1, 120, 1000, dtype=np.float32)[:, None]
    wrong = np.minimum(values, np.float32(119.9))
    found = worst_rows(values, wrong, scales(values, is_score=False))
    assert np.flatnonzero(found > 1).tolist() == [999]


def test_what_is_not_finite_counts_where_keras_is_finite() -> None:
    expected = np.array([1.0, 1.0, np.inf, np.nan], np.float32)
    found = np.array([np.nan, np.inf, 1.0, 0.0], np.float32)
    assert excess(expected, found, np.ones(4)).tolist() == [np.inf, np.inf, 0, 0]
    usual = scales(expected[:, None], is_score=False)
    assert np.isfinite(usual).all()
    assert (usual > 0).all()


def test_noise_is_the_largest_change_and_infinite_where_a_disturbance_overflows() -> None:
    expected = np.array([1.0, 2.0, 3.0], np.float32)
    disturbed = [np.array([1.5, 2.0, np.inf]), np.array([0.75, 2.25, 3.0])]
    assert noise(expected, disturbed).tolist() == [2.0, 1.0, np.inf]


def test_fractions_are_disturbed_and_whole_numbers_are_not() -> None:
    inputs = {
        "x": np.array([0.1, 2.0, -3.7, np.nan], np.float32),
        "ids": np.array([1, 2], np.int32),
    }
    found = disturb(inputs, 1)
    assert found["x"].dtype == np.float32
    assert found["x"][1] == 2
    assert found["x"][[0, 2]] == pytest.approx(inputs["x"][[0, 2]], rel=1e-5)
    assert (found["x"][[0, 2]] != inputs["x"][[0, 2]]).all()
    assert found["ids"] is inputs["ids"]
    assert inputs["x"][0] == np.float32(0.1)
