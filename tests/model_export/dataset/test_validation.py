"""Examples that do not fit the model are refused."""

from __future__ import annotations

import numpy as np
import pytest

from model_export.dataset.validation import check_data
from model_export.errors import UsageError
from tests.support.models.signatures import (
    PRICE,
    REGRESSION,
    Info,
    Source,
    answered,
    described,
    examples,
)


def test_examples_of_the_models_shape_and_classes_fit() -> None:
    check_data(examples(np.zeros((3, 4)), [0, 1, 2]), described())
    free = Source(inputs=(Info("features", "float32", (None, None)),))
    check_data(examples(np.zeros((3, 9))), described(free))


@pytest.mark.parametrize("shape", [(2, 3), (2, 4, 1), (2,)])
def test_examples_of_another_shape_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(UsageError) as caught:
        check_data(examples(np.zeros(shape)), described())
    assert str(caught.value) == (
        "data.npz: train: features: expected examples of shape [4], got " + str(list(shape[1:]))
    )


@pytest.mark.parametrize("classes", [[0, 3], [-1, 0], [1, 3]])
def test_classes_that_the_model_lacks_are_refused(classes: list[int]) -> None:
    with pytest.raises(UsageError) as caught:
        check_data(examples(np.zeros((2, 4)), classes), described())
    low, high = min(classes), max(classes)
    assert str(caught.value) == (
        f"data.npz: train: expected classes from 0 to 2, got {low} to {high}"
        + ("; count them from 0" if low == 1 else "")
    )


def test_a_regressions_answers_are_as_many_values_as_the_models() -> None:
    signature = described(PRICE, REGRESSION)
    check_data(answered(np.zeros((3, 4)), np.zeros((3, 2), np.float32)), signature)
    with pytest.raises(UsageError) as caught:
        check_data(answered(np.zeros((3, 4)), np.zeros((3, 1), np.float32)), signature)
    assert str(caught.value) == "data.npz: train: expected answers of 2 values, got 1"
