"""What the Keras model answers must be scores, or numbers."""

from __future__ import annotations

import numpy as np
import pytest

from model_export.errors import ConversionError
from model_export.quality.reference import check_scores
from tests.support.models.signatures import PRICE, REGRESSION, described


@pytest.mark.parametrize("value", [-3.5, 1.5, np.nan])
def test_a_model_whose_answers_are_no_scores_is_refused(value: float) -> None:
    answers = np.array([[0.5, 0.5, 0.0], [0.5, value, 0.5]])
    with pytest.raises(ConversionError, match="output 'species': expected scores from 0 to 1, got"):
        check_scores({"species": answers}, described())
    check_scores({"species": np.array([[0.0, 1.0, 0.0]])}, described())


def test_a_regression_may_answer_any_number_but_must_answer_numbers() -> None:
    signature = described(PRICE, REGRESSION)
    check_scores({"price": np.array([[-1e6, 1e6]])}, signature)
    for value in (np.nan, np.inf):
        with pytest.raises(ConversionError, match="output 'price': expected numbers, got"):
            check_scores({"price": np.array([[1.0, value]])}, signature)
