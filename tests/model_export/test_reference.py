"""What the Keras model answers must be scores, or numbers."""

from __future__ import annotations

import numpy as np
import pytest

from model_export.data.splits import Split
from model_export.errors import ConversionError
from model_export.reference import check_scores, doubts
from tests.support.interfaces import PRICE, REGRESSION, described


@pytest.mark.parametrize("value", [-3.5, 1.5, np.nan])
def test_a_model_whose_answers_are_no_scores_is_refused(value: float) -> None:
    answers = np.array([[0.5, 0.5, 0.0], [0.5, value, 0.5]])
    with pytest.raises(ConversionError, match="output 'species': expected scores from 0 to 1, got"):
        check_scores({"species": answers}, described())
    check_scores({"species": np.array([[0.0, 1.0, 0.0]])}, described())


def test_a_regression_may_answer_any_number_but_must_answer_numbers() -> None:
    interface = described(PRICE, REGRESSION)
    check_scores({"price": np.array([[-1e6, 1e6]])}, interface)
    for value in (np.nan, np.inf):
        with pytest.raises(ConversionError, match="output 'price': expected numbers, got"):
            check_scores({"price": np.array([[1.0, value]])}, interface)


def test_a_model_that_knows_less_than_the_usual_class_makes_the_examples_doubtful() -> None:
    targets = np.array([1, 1, 1, 0, 2])
    split = Split({}, targets)
    usual = np.eye(3)[[1] * 5]
    for good in (usual, np.eye(3)[targets]):
        assert list(doubts(described(), {"species": good}, split)) == []
    (told,) = doubts(described(), {"species": np.eye(3)[[0] * 5]}, split)
    label = (described().outputs[0].labels or ())[1]
    assert f"is right on 0.2000 of the test split, and always {label!r} would be on 0.6000" in told
    regression = described(PRICE, REGRESSION)
    assert list(doubts(regression, {"price": np.zeros((5, 2))}, split)) == []
