"""Records as CSV: what is read, and what is said of what cannot be."""

from __future__ import annotations

import csv
import io
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tflite_serving.contract.tensors import InputSpec, Preprocess
from tflite_serving.errors import RequestError
from tflite_serving.inputs.csv_body import read_csv
from tflite_serving.inputs.fields import Fields
from tflite_serving.inputs.tensor import to_tensor

RECORD = Preprocess("record")
SPECS = (
    InputSpec("age", "float32", (None,), RECORD),
    InputSpec("job", "string", (None,), RECORD),
    InputSpec("level", "int64", (None,), RECORD),
    InputSpec("member", "bool", (None,), RECORD),
)
FIELDS = Fields(SPECS)


def table(body: bytes) -> dict[str, list[Any]]:
    inputs = read_csv(body, FIELDS)
    return {spec.name: to_tensor(inputs[spec.name], spec).tolist() for spec in SPECS}


def test_columns_come_in_any_order_and_lines_end_in_any_way() -> None:
    body = b"\xef\xbb\xbfjob,age,member,level\r\n"
    body += b'"clerk, ""senior""",41.5,TRUE,-3\n\r\ncook,1e1,false,2.0'
    assert table(body) == {
        "age": [41.5, 10.0],
        "job": ['clerk, "senior"', "cook"],
        "level": [-3, 2],
        "member": [True, False],
    }


names = st.text(st.characters(codec="utf-8", exclude_characters="\x00\r"), max_size=20)
rows = st.lists(
    st.tuples(
        st.floats(width=32, allow_nan=False, allow_infinity=False), names, st.integers(-9, 9)
    ),
    min_size=1,
)


@given(rows)
def test_what_pythons_csv_writes_is_read_back(written: list[tuple[float, str, int]]) -> None:
    file = io.StringIO()
    writer = csv.writer(file)
    writer.writerow(["age", "job", "level", "member"])
    writer.writerows([(*row, "true") for row in written])
    found = table(file.getvalue().encode())
    assert list(zip(found["age"], found["job"], found["level"], strict=True)) == written


HEADER = b"age,job,level,member\n"


@pytest.mark.parametrize(
    ("body", "code", "message"),
    [
        (b"", "missing_input", "line 1: expected the names of the columns, got nothing"),
        (b"age,job,level\n", "missing_input", "expected the column 'member'"),
        (b"age,job,level,member1,a,2,true", "malformed_csv", "--data-binary keeps the line breaks"),
        (b"age;job;level;member\n", "malformed_csv", "expected commas between the names, got ';'"),
        (b"age\tjob\n1\ta\n", "malformed_csv", "expected commas between the names, got '\\t'"),
        (b"age,jop,level,member\n", "unknown_input", "'jop': no such input; did you mean 'job'?"),
        (b"age,age,job,level,member\n", "malformed_csv", "each column once, got 'age' twice"),
        (HEADER + b"1,a,2\n", "malformed_csv", "line 2: expected 4 values, got 3"),
        (HEADER + b"1,a,2,true,5\n", "malformed_csv", "line 2: expected 4 values, got 5"),
        (HEADER + b'1,"a\n', "malformed_csv", "line 2: unexpected end of data"),
        (HEADER + b'1,"a"b,2,true\n', "malformed_csv", "line 2: "),
        (HEADER + b"1,\xff,2,true\n", "malformed_csv", "expected UTF-8, got invalid start byte"),
        (HEADER + b"1,a,2,true\nold,a,2,true\n", "wrong_dtype", "rows[1].age: expected a number"),
        (HEADER + b"1_0,a,2,true\n", "wrong_dtype", "rows[0].age: expected a number, got '1_0'"),
        (HEADER + b",a,2,true\n", "wrong_dtype", "rows[0].age: expected a number, got nothing"),
        (HEADER + b"nan,a,2,true\n", "not_finite", "rows[0].age: expected a finite number"),
        (HEADER + b"1,a,2.5,true\n", "wrong_dtype", "rows[0].level: expected a whole number"),
        (HEADER + b"1,a,x,true\n", "wrong_dtype", "rows[0].level: expected a whole number"),
        (HEADER + b"1,a,2,yes\n", "wrong_dtype", "rows[0].member: expected true or false"),
    ],
)
def test_what_is_wrong_is_said_where_it_is(body: bytes, code: str, message: str) -> None:
    with pytest.raises(RequestError) as caught:
        table(body)
    assert caught.value.code == code
    assert message in caught.value.message


@given(st.binary(max_size=200))
def test_nothing_but_a_complaint_comes_of_any_bytes(body: bytes) -> None:
    for start in (b"", HEADER):
        with suppress(RequestError):
            read_csv(start + body, FIELDS)
