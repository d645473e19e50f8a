"""Values that an example does not have."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from model_export.dataset.missing import mark_missing, with_gaps


class NAType:  # what some data frames have for missing values
    """Neither None nor NaN."""


def objects(*values: object) -> Any:
    found = np.empty(len(values), dtype=object)
    found[:] = values
    return found


def test_numbers_have_nan_where_objects_stand_for_nothing() -> None:
    found = mark_missing(objects(1, None, 2.5, float("nan"), NAType()))
    assert found.dtype == np.float64
    np.testing.assert_array_equal(found, [1, np.nan, 2.5, np.nan, np.nan])


def test_numbers_that_are_all_there_keep_their_kind_and_shape() -> None:
    found = mark_missing(objects(1, 2, 3, 4).reshape(2, 2))
    assert found.dtype == np.int64
    assert found.tolist() == [[1, 2], [3, 4]]
    assert mark_missing(objects(*[True, False])).dtype == np.bool_


def test_texts_have_none() -> None:
    assert mark_missing(objects("a", float("nan"), None, NAType())).tolist() == ["a", *[None] * 3]


def test_a_whole_number_that_nan_would_round_is_refused() -> None:
    assert mark_missing(objects(2**53, None))[0] == 2**53
    with pytest.raises(ValueError, match=f"beside missing ones, got {2**53 + 1}"):
        mark_missing(objects(2**53 + 1, None))


def test_gaps_are_nan_among_floats_and_none_among_all_else() -> None:
    missing = np.array([False, True])
    np.testing.assert_array_equal(with_gaps(np.array([1.5, 2.5]), missing), [1.5, np.nan])
    for values in (np.array([1, 2]), np.array(["a", "b"])):
        assert with_gaps(values, missing).tolist() == [values[0], None]
        assert with_gaps(values, None) is values
