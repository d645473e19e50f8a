"""Answers become classes, labels or values, by the task of their output."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from model_export.signature.outputs import is_multi_hot
from tests.support.examples.data_modules import Y, complaint, load, returning
from tflite_serving.contract.tensors import Task


def test_one_hot_rows_are_read_as_class_indices(tmp_path: Path) -> None:
    splits = load(tmp_path, returning("(x, np.eye(3)[y])", "(x, y[:, None])"))
    np.testing.assert_array_equal(splits.train.targets, Y)
    np.testing.assert_array_equal(splits.test.targets, Y)


def test_smoothed_one_hot_rows_are_read_as_class_indices(tmp_path: Path) -> None:
    splits = load(tmp_path, returning("(x, np.eye(3)[y].astype('float32') * 0.7 + 0.1)"))
    np.testing.assert_array_equal(splits.train.targets, Y)


@pytest.mark.parametrize(
    ("rows", "dtype"),
    [
        ("np.stack([y / 2, y * 3], 1)", "float64"),
        ("np.stack([1 + y, -y], 1)", "int64"),
    ],
)
def test_rows_of_other_numbers_are_no_classes(tmp_path: Path, rows: str, dtype: str) -> None:
    assert complaint(lambda: load(tmp_path, returning(f"(x, {rows})"))) == (
        f"my_data:splits: train: expected class indices, or one-hot rows, got rows of {dtype} "
        'values that are no shares of 1; for numbers, say task = "regression"'
    )


def test_whole_numbers_and_truths_count_as_class_indices(tmp_path: Path) -> None:
    splits = load(tmp_path, returning("(x, y.astype('float32'))", "(x, y > 0)"))
    np.testing.assert_array_equal(splits.train.targets, Y)
    np.testing.assert_array_equal(splits.test.targets, Y > 0)


def test_the_answers_of_a_regression_stay_numbers(tmp_path: Path) -> None:
    splits = load(tmp_path, returning("(x, y / 4)", "(x, np.stack([y, -y], 1))"), "regression")
    assert splits.train.targets.dtype == np.float32
    np.testing.assert_array_equal(splits.train.targets, Y[:, None] / 4)
    np.testing.assert_array_equal(splits.test.targets, np.stack([Y, -Y], axis=1))


@pytest.mark.parametrize(
    ("values", "got"), [("(y + 1) / 0", "infinity"), ("y.astype(str)", "<U21 values")]
)
@pytest.mark.filterwarnings("ignore:divide by zero:RuntimeWarning")
@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
def test_answers_of_a_regression_that_are_no_numbers_are_refused(
    tmp_path: Path, values: str, got: str
) -> None:
    assert complaint(lambda: load(tmp_path, returning(f"(x, {values})"), "regression")) == (
        f"my_data:splits: train: expected finite numbers as answers, got {got}"
    )


@pytest.mark.parametrize("task", ["classification", "regression"])
@pytest.mark.parametrize("answers", ["y / y", "np.full((6, 2), np.nan)"])
@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
def test_examples_without_an_answer_are_to_be_left_out(
    tmp_path: Path, answers: str, task: Task
) -> None:
    told = complaint(lambda: load(tmp_path, returning(f"(x, {answers})"), task))
    assert told.endswith("got NaN; leave out the examples without an answer")


@pytest.mark.parametrize("answers", ["list('abcabc')", "np.array([list('ab')] * 6)"])
def test_names_of_classes_are_told_to_be_their_places(tmp_path: Path, answers: str) -> None:
    assert complaint(lambda: load(tmp_path, returning(f"(x, {answers})"))) == (
        "my_data:splits: train: expected class indices, got strings such as 'a'; give the place of "
        "each among the labels, from 0"
    )


ROWS = "np.array([[1, 1], [0, 0], [0, 1], [1, 1], [0, 0], [1, 0.]])"


def test_rows_of_several_ones_are_labels(tmp_path: Path) -> None:
    code = returning(f"(x, {ROWS})", f"(x, {ROWS}.astype(bool))")
    splits = load(tmp_path, code, "multi_label")
    assert splits.train.targets.dtype == splits.test.targets.dtype == np.bool_
    np.testing.assert_array_equal(splits.train.targets, splits.test.targets)
    assert splits.train.strata.tolist() == [3, 0, 1, 3, 0, 2]


@pytest.mark.parametrize(
    ("answers", "task", "problem"),
    [
        (ROWS, "classification", 'for several labels at once, say task = "multi_label"'),
        ("y / 4", "classification", 'got float64 values; for numbers, say task = "regression"'),
        ("y", "multi_label", "expected rows of 0 and 1, one for each label, got int64 values of"),
        (f"{ROWS} * 2", "multi_label", "expected rows of 0 and 1, one for each label, got float"),
    ],
)
def test_answers_of_another_task_say_which(
    tmp_path: Path, answers: str, task: Task, problem: str
) -> None:
    assert problem in complaint(lambda: load(tmp_path, returning(f"(x, {answers})"), task))


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        ([[1, 0], [0, 1]], False),
        ([[1, 0], [0, 0]], True),
        ([[1, 1], [0, 1]], True),
        ([[0.9, 0.1], [0.2, 0.8]], False),
        ([[0], [1]], False),
        ([0, 1], False),
    ],
)
def test_labels_are_told_from_one_hot_rows(answers: Any, expected: bool) -> None:  # noqa: FBT001
    assert is_multi_hot(np.array(answers)) is expected
