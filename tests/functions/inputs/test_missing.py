"""What stands for values that a client left out."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tflite_serving.contract.record import Column, Record
from tflite_serving.contract.tensors import InputSpec, Preprocess
from tflite_serving.inputs.missing import fill, fill_nan
from tflite_serving.inputs.raw import RawInput
from tflite_serving.inputs.tensor import to_tensor


@pytest.mark.parametrize("dtype", ["int64", "int32", "float32"])
def test_a_nan_is_missing_where_something_stands_for_it(dtype: Any) -> None:
    preprocess = Preprocess("record", record=Record(missing=7))
    middle = 5 if dtype != "int64" else 2**60 + 1
    age = InputSpec("age", dtype, (None,), preprocess)
    sent = RawInput([float("nan"), middle, 3], "rows[{}]", may_hold_others=False)
    found = to_tensor(sent, age)
    assert found.dtype == dtype
    assert found.tolist() == [7, middle, 3]


NOBODY = InputSpec("x", "float32", (None, 2))
PERSON = InputSpec(
    "person",
    "float32",
    (None, 2),
    Preprocess("record", record=Record(columns=(Column("age", missing=40.0), Column("height")))),
)


def test_a_null_of_a_column_becomes_its_default_and_others_stay() -> None:
    values: list[object] = [[None, None], [30, 1.8], None, [None]]
    assert fill(values, PERSON) == [[40.0, None], [30, 1.8], None, [None]]
    assert fill(values, NOBODY) is values


def test_a_nan_of_a_column_becomes_its_default_and_others_stay() -> None:
    values = np.array([[np.nan, np.nan], [30, 1.5]], np.float32)
    np.testing.assert_array_equal(fill_nan(values, PERSON), [[40, np.nan], [30, 1.5]])
    assert fill_nan(values, NOBODY) is values
