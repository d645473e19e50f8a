"""Datasets of TensorFlow's, as Keras is fed with them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from model_export.dataset.arrays import read_arrays
from tests.support.examples.data_modules import X, Y, complaint


def batched(*parts: Any) -> Any:
    return tf.data.Dataset.from_tensor_slices(parts).batch(4)


def test_batches_are_put_together() -> None:
    inputs, answers = read_arrays(batched(X, Y), "train")
    np.testing.assert_array_equal(inputs[""], X)
    np.testing.assert_array_equal(answers[""], Y)


def test_inputs_and_answers_keep_their_names_and_texts_become_strings() -> None:
    texts = ["a", "", "ß", "d", "e", "f"]
    given = batched({"text": texts, "age": X}, {"kind": Y, "price": Y / 2})
    inputs, answers = read_arrays(given, "train")
    assert inputs["text"].tolist() == texts
    np.testing.assert_array_equal(inputs["age"], X)
    np.testing.assert_array_equal(answers["price"], Y / 2)


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        (lambda: batched(X), "expected a dataset of (x, y), got one of 1 values"),
        (lambda: batched(X, Y, Y), "expected a dataset of (x, y), got one of 3 values"),
        (
            lambda: tf.data.Dataset.from_tensor_slices(X).batch(4),
            "expected a dataset of (x, y), got one of no answers",
        ),
        (lambda: batched(X, Y).repeat(), "expected a dataset that ends, got one that repeats"),
        (lambda: batched(X, Y).take(0), "expected at least one batch, got an empty dataset"),
        (lambda: batched(X, Y).unbatch(), "of single examples, .batch(32) makes batches"),
        (lambda: batched([b"\xff"] * 6, Y), "expected strings in UTF-8"),
        (
            lambda: batched(tf.ragged.constant([[1], [2, 3]] * 3), Y),
            "expected examples of one shape, got ragged ones",
        ),
    ],
)
def test_datasets_of_something_else_are_refused(given: Any, problem: str) -> None:
    assert problem in complaint(lambda: read_arrays(given(), "train"))
