"""Splits: their strata, their names, and a digest of all that they hold."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from model_export.dataset.splits import Split, Splits
from tests.support.examples.data_modules import X, Y, complaint, load, returning

Array = npt.NDArray[Any]


def test_a_fair_sample_has_all_classes_and_of_a_regression_all_examples() -> None:
    np.testing.assert_array_equal(Split({"x": X}, Y).strata, Y)
    np.testing.assert_array_equal(Split({"x": X}, X).strata, np.zeros(6))


def test_several_inputs_come_in_the_order_of_the_model(tmp_path: Path) -> None:
    inputs = "({'b': x, 'a': x + 1}, y)"
    splits = load(tmp_path, returning(inputs, inputs)).named(("a", "b"))
    for split in (splits.train, splits.validation, splits.test):
        assert list(split.inputs) == ["a", "b"]
    np.testing.assert_array_equal(splits.train.inputs["a"], X + 1)


def test_inputs_that_the_model_lacks_are_refused(tmp_path: Path) -> None:
    splits = load(tmp_path, returning("({'b': x, 'a': x}, y)"))
    assert complaint(lambda: splits.named(("a", "c"))).endswith(
        ": train: expected the inputs a, c, got no c but also b"
    )
    assert complaint(lambda: splits.named(("a", "b", "c"))).endswith("inputs a, b, c, got no c")
    assert complaint(lambda: load(tmp_path, returning("(x, y)")).named(("a", "b"))).endswith(
        ': expected the inputs {"a": …, "b": …}, got one array'
    )


def digest(x: Array = X, y: Array = Y, name: str = "x", test: Array | None = None) -> str:
    train = Split({name: x}, y.astype(np.int64))
    other = train if test is None else Split({name: test}, y.astype(np.int64))
    return Splits(train, train, other, "somewhere").sha256


def test_the_digest_changes_with_any_value_name_shape_or_dtype() -> None:
    nudged = X.copy()
    nudged[5, 1] = np.nextafter(nudged[5, 1], np.float32(100))
    digests = {
        digest(),
        digest(nudged),
        digest(y=np.array([0, 1, 2, 0, 1, 1])),
        digest(name="z"),
        digest(X.reshape(6, 1, 2)),
        digest(X.astype(np.float64)),
        digest(test=nudged),
        digest(X[::-1]),
    }
    assert len(digests) == 8


def test_the_digest_does_not_depend_on_the_memory_layout_or_the_source() -> None:
    assert digest() == digest(np.asfortranarray(X))
    split = Split({"x": X}, Y)
    one, other = (Splits(split, split, split, source) for source in ("here", "there"))
    assert one.sha256 == other.sha256
