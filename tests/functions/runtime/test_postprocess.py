"""From what a model puts out to the scores of classes."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tflite_serving.contract.tensors import Activation
from tflite_serving.runtime.postprocess import (
    answered_classes,
    answered_labels,
    apply_activation,
    class_scores,
    confidence,
)

LOGITS = hnp.arrays(np.float32, (3, 4), elements=st.floats(width=32, allow_nan=False))
FINITE = hnp.arrays(np.float32, (3, 4), elements=st.floats(-(2.0**99), 2.0**99, width=32))


@given(FINITE)
def test_a_softmax_gives_probabilities_for_any_finite_logits(values: npt.NDArray[Any]) -> None:
    scores = apply_activation(values, "softmax")
    assert scores.dtype == np.float32
    assert ((scores >= 0) & (scores <= 1)).all()
    assert scores.sum(axis=1) == pytest.approx(1.0, abs=1e-5)
    best = np.take_along_axis(scores, values.argmax(axis=1)[:, None], axis=1)[:, 0]
    assert (best == scores.max(axis=1)).all()


@given(LOGITS)
def test_a_sigmoid_gives_probabilities_for_any_logits(values: npt.NDArray[Any]) -> None:
    scores = apply_activation(values, "sigmoid")
    assert scores.dtype == np.float32
    assert ((scores >= 0) & (scores <= 1)).all()


def test_activations_have_their_known_values() -> None:
    values = np.array([[0.0, np.log(3.0)]], np.float32)
    assert apply_activation(values, "softmax")[0] == pytest.approx([0.25, 0.75])
    assert apply_activation(values, "sigmoid")[0] == pytest.approx([0.5, 0.75])
    assert apply_activation(-values, "sigmoid")[0] == pytest.approx([0.5, 0.25])
    assert apply_activation(values, "none") is values


@pytest.mark.parametrize("activation", ["softmax", "sigmoid", "none"])
def test_nan_stays_visible_and_warns_nobody(activation: Activation) -> None:
    values = np.array([[np.nan, 1.0], [np.inf, 1.0]], np.float32)
    assert np.isnan(apply_activation(values, activation)[0, 0])


def test_a_single_score_becomes_those_of_two_classes() -> None:
    assert class_scores(np.array([[0.25], [1.0]])).tolist() == [[0.75, 0.25], [0.0, 1.0]]


def test_several_scores_stay_as_they_are() -> None:
    scores = np.array([[0.2, 0.8]])
    assert class_scores(scores) is scores


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        ([[0.2, 0.7, 0.1]], 0.7),
        ([[0.2, 0.7, 0.1], [0.5, 0.3, 0.2]], 0.6),
        ([[0.9]], 0.9),
        ([[0.2]], 0.8),
        ([[0.2], [0.6]], 0.7),
    ],
)
def test_the_confidence_is_the_mean_of_the_best_scores(
    output: list[list[float]], expected: float
) -> None:
    assert confidence(np.array(output, np.float32)) == expected


def test_of_labels_the_confidence_is_that_of_each_yes_and_no() -> None:
    output = np.array([[0.9, 0.2], [0.5, 1.0]], np.float32)
    assert confidence(output, "multi_label") == 0.8


def test_two_classes_are_told_apart_by_a_threshold_if_there_is_one() -> None:
    scores = np.array([[0.5, 0.5], [0.7, 0.3], [0.1, 0.9]], np.float32)
    assert answered_classes(scores, None).tolist() == [0, 0, 1]
    assert answered_classes(scores, 0.5).tolist() == [1, 0, 1]
    assert answered_classes(scores, 0.3).tolist() == [1, 1, 1]
    assert answered_classes(scores, np.array([0.6, 0.1, 1.0])).tolist() == [0, 1, 0]


def test_a_float32_reaches_the_threshold_that_it_is_written_as() -> None:
    # As a float64, 0.1 is less than the float32 of the same name, and 0.7 is more.
    assert answered_labels(np.array([[0.1, 0.7]], np.float32), (0.1, 0.7)).all()
