"""Inputs by name, in rows and in columns."""

from __future__ import annotations

from typing import Any

import pytest

from tflite_serving.contract.record import Column, Record
from tflite_serving.contract.tensors import InputSpec, Preprocess
from tflite_serving.errors import RequestError
from tflite_serving.inputs.fields import Fields

COLUMNS = (Column("age", missing=40.0), Column("height"))
PERSON = InputSpec(
    "person", "float32", (None, 2), Preprocess("record", record=Record(columns=COLUMNS))
)
JOB = InputSpec("job", "string", (None,))
FIELDS = Fields([PERSON, JOB])
ROW = {"job": "cook", "height": 1.8, "age": 30}


def rows(*records: object) -> dict[str, list[Any]]:
    layout = FIELDS.layout(list(records[0]) if isinstance(records[0], dict) else [])
    found = layout.of_rows(records, "instances[{}]", may_hold_others=True)
    return {name: raw.values for name, raw in found.items()}


def refusal(*records: object) -> RequestError:
    with pytest.raises(RequestError) as caught:
        rows(*records)
    return caught.value


def test_rows_become_inputs_whatever_the_order_of_their_names() -> None:
    assert rows(ROW, dict(reversed(ROW.items()))) == {
        "person": [[30, 1.8], [30, 1.8]],
        "job": ["cook", "cook"],
    }


def test_an_input_with_columns_may_be_sent_whole() -> None:
    assert rows({"person": [30, 1.8], "job": "cook"}) == {"person": [[30, 1.8]], "job": ["cook"]}


def test_a_layout_is_made_once() -> None:
    assert FIELDS.layout(["job", "age", "height"]) is FIELDS.layout(["height"])
    assert FIELDS.layout(["person"]) is not FIELDS.layout(["height"])


def test_a_value_with_a_default_may_be_missing() -> None:
    assert rows({"job": "cook", "height": 1.8})["person"] == [[None, 1.8]]


def test_columns_become_inputs_and_missing_ones_are_null() -> None:
    layout = FIELDS.layout(["height", "job"])
    columns: dict[str, list[object]] = {"height": [1.8, 1.7], "job": ["cook", "clerk"]}
    found = layout.of_columns(columns, "rows[{}].{column}", may_hold_others=True)
    assert found["person"].values == [[None, 1.8], [None, 1.7]]
    assert found["person"].at(1, 1) == "rows[1].height"
    assert found["job"].at(1) == "rows[1].job"


@pytest.mark.parametrize(
    ("record", "code", "message"),
    [
        ([30, 1.8], "wrong_shape", "expected an object with age, height, job, got a list"),
        (None, "wrong_shape", "expected an object with age, height, job, got null"),
        ({**ROW, "jop": 1}, "unknown_input", "jop: no such input; did you mean 'job'?"),
        ({"height": 1.8}, "missing_input", "job: expected a value, got nothing"),
        (
            {**ROW, "person": [30, 1.8]},
            "unknown_input",
            "person: expected either 'person' as a list or its values by name (age, height)",
        ),
    ],
)
def test_a_wrong_record_is_refused_with_its_place(record: Any, code: str, message: str) -> None:
    error = refusal(ROW, record)
    assert error.code == code
    assert error.message.startswith("instances[1]")
    assert message in error.message
