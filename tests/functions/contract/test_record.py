"""What a record's values are called, and what stands for missing ones."""

from __future__ import annotations

from typing import Any

import pytest

from tflite_serving.contract.codec import ContractError
from tflite_serving.contract.record import Column, Record
from tflite_serving.contract.tensors import ClientDType, InputSpec, Preprocess, Shape

ROW = Record((Column("age", 41.5, "how old", "years"), Column("income")))


def spec(record: Record | None, dtype: ClientDType = "float32", shape: Shape = (None,)) -> Any:
    return InputSpec("features", dtype, shape, Preprocess("record", record=record))


def test_each_column_is_a_field_of_its_own() -> None:
    fields = spec(ROW, shape=(None, 2)).fields
    assert [field.name for field in fields] == ["age", "income"]
    assert all(field.shape == (None,) for field in fields)
    assert fields[0].preprocess.record.missing == 41.5
    assert (fields[0].description, fields[0].units) == ("how old", "years")


def test_an_input_of_one_value_is_its_own_field() -> None:
    for single in (spec(None), spec(Record(missing=3.0))):
        assert single.fields == (single,)


@pytest.mark.parametrize(
    ("record", "dtype", "shape", "problem"),
    [
        (ROW, "float32", (None, 3), "columns: expected as many as the shape"),
        (ROW, "string", (None, 2), "columns: expected none of strings"),
        (Record(), "float32", (None, 2), "columns: expected some for the shape"),
        (Record(missing="a"), "float32", (None,), "missing: expected a value of float32, got 'a'"),
        (Record(missing=1e39), "float32", (None,), "missing: expected a value of float32"),
        (Record(missing=1.5), "int64", (None,), "missing: expected a value of int64, got 1.5"),
        (Record(missing=2**40), "int32", (None,), "missing: expected a value of int32"),
        (Record(missing=True), "float32", (None,), "missing: expected a value of float32"),
        (Record(missing=1), "string", (None,), "missing: expected a value of string, got 1"),
        (Record(missing=0), "bool", (None,), "missing: expected a value of bool, got 0"),
        (
            Record((Column("age", "old"),)),
            "float32",
            (None, 1),
            "columns[0].missing: expected a value of float32, got 'old'",
        ),
    ],
)
def test_what_does_not_fit_the_input_is_named(
    record: Record, dtype: ClientDType, shape: Shape, problem: str
) -> None:
    with pytest.raises(ContractError) as caught:
        spec(record, dtype, shape)
    assert str(caught.value).startswith(f"preprocess.record.{problem}")


def test_names_are_there_once() -> None:
    with pytest.raises(ContractError, match="expected each name once, got 'a' twice"):
        Record((Column("a"), Column("a")))
    with pytest.raises(ContractError, match="which have their own"):
        Record((Column("a"),), missing=1.0)
    with pytest.raises(ContractError, match="record: expected one for the kind 'record' alone"):
        Preprocess("text", record=Record())
