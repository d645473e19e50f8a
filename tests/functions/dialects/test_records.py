"""Records in every form that they are sent in, and what is said of those that are none."""

from __future__ import annotations

import dataclasses
import io
import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.server.heads import head
from tflite_serving.contract.manifest import Manifest
from tflite_serving.contract.record import Column, Record
from tflite_serving.contract.tensors import InputSpec, Preprocess, TensorBinding, Tensors
from tflite_serving.dialects.simple import SimpleDialect
from tflite_serving.dialects.tensorflow_serving import TensorFlowServingDialect
from tflite_serving.errors import RequestError
from tflite_serving.inputs.tensor import to_tensor

JSON, CSV = "application/json", "text/csv"
SIMPLE, SERVING = SimpleDialect(), TensorFlowServingDialect()


def may_miss(value: Any) -> Preprocess:
    return Preprocess("record", record=Record(missing=value))


ROW = InputSpec(
    "features",
    "float32",
    (None, 3),
    Preprocess("record", record=Record((Column("age"), Column("income", 2.5), Column("{0}", 0)))),
)
PERSON = (
    InputSpec("age", "float32", (None,), may_miss(40.5)),
    InputSpec("job", "string", (None,), may_miss("[none]")),
    InputSpec("level", "int64", (None,), may_miss(-1)),
    InputSpec("member", "bool", (None,), may_miss(value=False)),
    InputSpec("city", "string", (None,), Preprocess("record")),
)


def with_inputs(manifest: Manifest, *inputs: InputSpec) -> Manifest:
    bindings = tuple(TensorBinding(i.name, i.name, "float32", i.shape) for i in inputs)
    tensors = Tensors(bindings, manifest.tensors.outputs)
    return dataclasses.replace(manifest, inputs=inputs, tensors=tensors)


@pytest.fixture(scope="session")
def row(manifest: Manifest) -> Manifest:
    """One input of three named values, two of which may be missing."""
    return with_inputs(manifest, ROW)


@pytest.fixture(scope="session")
def person(manifest: Manifest) -> Manifest:
    """Five features of which all but the last may be missing."""
    return with_inputs(manifest, *PERSON)


@pytest.fixture(scope="session")
def mixed(manifest: Manifest) -> Manifest:
    """A row of named values beside a text."""
    return with_inputs(manifest, InputSpec("title", "string", (None,), Preprocess("text")), ROW)


def asked(manifest: Manifest, body: object, kind: str = JSON, dialect: Any = SIMPLE) -> Any:
    """What the model would get, by input, as lists."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    request = dialect.codec(manifest).parse(data, head(kind))
    return {
        spec.name: to_tensor(request.inputs[spec.name], spec).tolist() for spec in manifest.inputs
    }


FULL, FEW = {"age": 1, "income": 2, "{0}": 3}, {"{0}": None, "age": 4}
IN_ORDER = [[1.0, 2.0, 3.0], [4.0, 2.5, 0.0]]


@pytest.mark.parametrize(
    ("dialect", "body"),
    [
        (SIMPLE, {"instances": [FULL, FEW]}),
        (SIMPLE, {"instances": [FEW, FULL][::-1]}),
        (SIMPLE, {"instances": [[1, 2, 3], [4, None, None]]}),
        (SIMPLE, {"instances": [{"features": [1, 2, 3]}, {"features": [4, None, 0]}]}),
        (SERVING, {"instances": [FULL, FEW]}),
        (SERVING, {"inputs": {"age": [1, 4], "{0}": [3, None], "income": [2, None]}}),
        (SERVING, {"inputs": [[1, 2, 3], [4, None, 0]]}),
        (SERVING, {"inputs": {"features": [[1, 2, 3], [4, None, 0]]}}),
    ],
)
def test_a_row_of_values_is_sent_by_their_names_or_in_order(
    row: Manifest, dialect: Any, body: object
) -> None:
    assert asked(row, body, dialect=dialect) == {"features": IN_ORDER}


@pytest.mark.parametrize(
    "body",
    [
        {"inputs": {"city": [["Ulm"], ["Bonn"]], "age": [[1], [None]], "level": [[2], [3]]}},
        {"inputs": {"city": ["Ulm", "Bonn"], "age": [[1], [None]], "level": [2, 3]}},
        {
            "instances": [
                {"city": ["Ulm"], "age": [1], "level": [2]},
                {"city": ["Bonn"], "level": [3], "age": [None]},
            ]
        },
    ],
)
def test_tensorflow_servings_clients_may_send_values_as_rows_of_one(
    person: Manifest, body: object
) -> None:
    found = asked(person, body, dialect=SERVING)
    assert found["city"] == ["Ulm", "Bonn"]
    assert found["age"] == [1.0, 40.5]
    assert found["level"] == [2, 3]


@pytest.mark.parametrize("text", [["a"], [["a"]], [["a", "b"]], [[]], [["a"], "b"], [["a"], []]])
def test_other_lists_are_no_texts(manifest: Manifest, text: Any) -> None:
    model = with_inputs(manifest, InputSpec("t", "string", (None,), Preprocess("text")))
    for body in ({"instances": text}, {"inputs": text}, {"inputs": {"t": text}}):
        if text in (["a"], [["a"]]):
            assert asked(model, body, dialect=SERVING) == {"t": ["a"]}
        else:
            with pytest.raises(RequestError):
                asked(model, body, dialect=SERVING)


@pytest.mark.parametrize(
    "body",
    [
        b"age,income,{0}\n1,2,3\n4,,0\n",
        b"{0},age,income\r\n3,1,2\r\n,4,\r\n",
        b"\xef\xbb\xbfincome,{0},age\r2,3,1\r,0,4",
        b'"age","income","{0}"\n 1 ,2e0,"3.0"\n\n4,"",\n',
    ],
)
def test_a_row_of_values_is_sent_as_csv(row: Manifest, body: bytes) -> None:
    assert asked(row, body, CSV) == {"features": IN_ORDER}


def test_a_column_that_may_be_missing_may_be_left_out_of_a_table(row: Manifest) -> None:
    assert asked(row, b"age\n1\n4\n", CSV) == {"features": [[1.0, 2.5, 0.0], [4.0, 2.5, 0.0]]}
    inputs = {"inputs": {"age": [1, 4]}}
    assert asked(row, inputs, dialect=SERVING) == {"features": [[1.0, 2.5, 0.0], [4.0, 2.5, 0.0]]}


def test_named_values_and_other_inputs_are_members_of_one_record(mixed: Manifest) -> None:
    expected = {"title": ["a", "b"], "features": IN_ORDER}
    records = [{"title": "a", **FULL}, {"title": "b", **FEW}]
    assert asked(mixed, {"instances": records}) == expected
    whole = [{"title": "a", "features": [1, 2, 3]}, {"features": [4, None, 0], "title": "b"}]
    assert asked(mixed, {"instances": whole}) == expected
    table = b"title,age,income,{0}\na,1,2,3\nb,4,,\n"
    assert asked(mixed, table, CSV) == expected


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        (JSON, {"instances": [{"city": "Ulm"}]}),
        (
            JSON,
            {"instances": [{"city": "Ulm", **dict.fromkeys(["age", "job", "level", "member"])}]},
        ),
        (CSV, b"city\nUlm\n"),
        (CSV, b"age,job,level,member,city\n,,,,Ulm\n"),
    ],
)
def test_missing_values_are_what_the_manifest_says(
    person: Manifest, kind: str, body: object
) -> None:
    assert asked(person, body, kind) == {
        "age": [40.5],
        "job": ["[none]"],
        "level": [-1],
        "member": [False],
        "city": ["Ulm"],
    }


def test_an_empty_string_is_a_value_unless_something_stands_for_missing_ones(
    person: Manifest,
) -> None:
    found = asked(person, b"job,city\n,\n", CSV)
    assert (found["job"], found["city"]) == (["[none]"], [""])
    found = asked(person, {"instances": [{"job": "", "city": ""}]})
    assert (found["job"], found["city"]) == ([""], [""])


def test_the_last_of_two_members_of_the_same_name_counts(row: Manifest) -> None:
    body = b'{"instances": [{"age": 9, "age": 1, "income": 2, "{0}": 3}]}'
    assert asked(row, body) == {"features": [[1.0, 2.0, 3.0]]}


def test_a_long_text_may_be_a_cell(person: Manifest) -> None:
    assert asked(person, b"city\n" + b"a" * 2**20, CSV)["city"] == ["a" * 2**20]


ADVICE = "; what may be missing, the model's recipe says: inputs.age.missing"
TABLE = b"age,income,{0}\n"
WRONG: dict[str, tuple[str, object, str, str]] = {
    "a value left out": (
        JSON,
        {"instances": [FULL, {"income": 1}]},
        "missing_input",
        f"instances[1].age: expected a value, got nothing{ADVICE}",
    ),
    "null": (
        JSON,
        {"instances": [FULL, {"age": None}]},
        "wrong_dtype",
        f"instances[1].age: expected a number (float32), got null{ADVICE}",
    ),
    "null in a list": (
        JSON,
        {"instances": [[None, 1, 2]]},
        "wrong_dtype",
        f"instances[0][0]: expected a number (float32), got null{ADVICE}",
    ),
    "a name that is nearly right": (
        JSON,
        {"instances": [{"age": 1, "incom": 2}]},
        "unknown_input",
        "instances[0].incom: no such input; did you mean 'income'?",
    ),
    "a number as a string": (
        JSON,
        {"instances": [{"age": "1"}]},
        "wrong_dtype",
        'instances[0].age: expected a number (float32), got "1"',
    ),
    "true": (
        JSON,
        {"instances": [FULL, {"age": 1, "income": True}]},
        "wrong_dtype",
        "instances[1].income: expected a number (float32), got true",
    ),
    "a list": (
        JSON,
        {"instances": [{"age": [1]}]},
        "wrong_dtype",
        "instances[0].age: expected a number (float32), got a list",
    ),
    "an object": (
        JSON,
        {"instances": [{"age": {"years": 1}}]},
        "wrong_dtype",
        "instances[0].age: expected a number (float32), got an object",
    ),
    "too large a number": (
        JSON,
        b'{"instances": [{"age": 1e39}]}',
        "out_of_range",
        "instances[0].age: expected a float32, from -3.403e+38 to 3.403e+38, got 1e+39",
    ),
    "too large an integer": (
        JSON,
        b'{"instances": [{"age": 1' + b"0" * 60 + b"}]}",
        "out_of_range",
        "instances[0].age: expected a float32",
    ),
    "a number beyond all": (
        JSON,
        b'{"instances": [{"age": 1e400}]}',
        "not_finite",
        "instances[0].age: expected a finite number, got inf",
    ),
    "NaN": (
        JSON,
        b'{"instances": [{"age": NaN}]}',
        "not_finite",
        "instances[0].age: expected a finite number, got nan; JSON has no such value",
    ),
    "a trailing comma": (JSON, b'{"instances": [{"age": 1,}]}', "malformed_json", "body: expected"),
    "too few values": (
        JSON,
        {"instances": [[1, 2]]},
        "wrong_shape",
        "instances[0]: expected shape [3], got [2]",
    ),
    "a list among records": (
        JSON,
        {"instances": [FULL, [1, 2, 3]]},
        "wrong_shape",
        "instances[1]: expected an object with age, income, {0}, got a list",
    ),
    "a record among lists": (
        JSON,
        {"instances": [[1, 2, 3], FULL]},
        "wrong_dtype",
        "instances[1]: expected a number (float32), got an object",
    ),
    "no record": (
        JSON,
        {"instances": [{}]},
        "missing_input",
        "instances[0].age: expected a value, got nothing",
    ),
    "nothing": (CSV, b"", "missing_input", "line 1: expected the names of the columns"),
    "a header alone": (CSV, TABLE, "empty_batch", "rows: expected at least one below the header"),
    "no header": (CSV, b"1,2,3\n4,5,6\n", "unknown_input", "line 1: '1': no such input; known: "),
    "a column left out": (
        CSV,
        b"income,{0}\n1,2\n",
        "missing_input",
        f"line 1: expected the column 'age'; the first line has the columns' names{ADVICE}",
    ),
    "an empty cell": (
        CSV,
        TABLE + b"1,2,3\n,2,3\n",
        "wrong_dtype",
        f"rows[1].age: expected a number, got nothing{ADVICE}",
    ),
    "a column twice": (
        CSV,
        b"age,income,age\n1,2,3\n",
        "malformed_csv",
        "line 1: expected each column once, got 'age' twice",
    ),
    "the name of the row": (
        CSV,
        b"features\n[1, 2, 3]\n",
        "unknown_input",
        "line 1: 'features': no such input",
    ),
    "a word": (
        CSV,
        TABLE + b"1,2,3\n4,many,6\n",
        "wrong_dtype",
        "rows[1].income: expected a number, got 'many'",
    ),
    "a number beyond all, as text": (
        CSV,
        TABLE + b"1e400,2,3\n",
        "not_finite",
        "rows[0].age: expected a finite number, got inf",
    ),
    "NaN as text": (
        CSV,
        TABLE + b"nan,2,3\n",
        "not_finite",
        "rows[0].age: expected a finite number, got nan",
    ),
    "a comma for a point": (
        CSV,
        TABLE + b"1,5,2,3\n",
        "malformed_csv",
        "line 2: expected 3 values, got 4",
    ),
    "semicolons": (
        *(CSV, b"age;income;{0}\n1;2;3\n"),
        *("malformed_csv", "line 1: expected commas between the names, got ';'"),
    ),
    "an open quote": (CSV, TABLE + b'1,"2,3\n', "malformed_csv", "line 2: unexpected end of data"),
    "another encoding": (
        CSV,
        "age,income,{0}\n".encode("utf-16"),
        "malformed_csv",
        "body: expected UTF-8",
    ),
    "millions of cells": (
        CSV,
        TABLE + b"1,2,3\n" * 700_000,
        "too_many_values",
        "body: expected a table of at most 2000000 values, got one of 2100003; send it in parts",
    ),
    "ten thousand columns": (
        CSV,
        ",".join(f"c{i}" for i in range(10_000)).encode() + b"\n",
        "unknown_input",
        "line 1: 'c0': no such input",
    ),
    "the same column ten thousand times": (
        CSV,
        b",".join([b"age"] * 10_000) + b"\n",
        "malformed_csv",
        "line 1: expected each column once, got 'age' twice",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_named(row: Manifest, name: str) -> None:
    kind, body, code, message = WRONG[name]
    with pytest.raises(RequestError) as caught:
        asked(row, body, kind)
    assert caught.value.status == 400
    assert (caught.value.code, caught.value.message[: len(message)]) == (code, message)


@pytest.mark.parametrize(
    ("body", "code", "message"),
    [
        (
            {"inputs": {"age": [1, 2], "income": [1]}},
            "wrong_shape",
            "inputs.income: expected 2 rows as in 'age', got 1",
        ),
        ({"inputs": {"age": 1}}, "wrong_shape", "inputs.age: expected a list of rows, got 1"),
        (
            {"inputs": {"age": [1, "x"]}},
            "wrong_dtype",
            'inputs.age[1]: expected a number (float32), got "x"',
        ),
        ({"inputs": {"age": []}}, "empty_batch", "inputs: expected at least one instance"),
        ({"inputs": {}}, "missing_input", "inputs.age: expected a value, got nothing"),
        ({"inputs": 3}, "wrong_shape", "inputs: expected an object with age, income, {0}, got 3"),
    ],
)
def test_what_is_wrong_in_columns_is_named(
    row: Manifest, body: object, code: str, message: str
) -> None:
    with pytest.raises(RequestError) as caught:
        asked(row, body, dialect=SERVING)
    assert caught.value.code == code
    assert caught.value.message.startswith(message)


@pytest.mark.parametrize(
    ("dialect", "body", "place"),
    [
        (SIMPLE, {"instances": [{"title": "a", **FULL}, {"title": "a", "features": []}]}, "[1]"),
        (SIMPLE, {"instances": [{"title": "a", "features": []}, {"title": "a", **FULL}]}, "[1]"),
        (SIMPLE, {"instances": [{"title": "a", "features": [1, 2, 3], "age": 1}]}, "[0]"),
        (SERVING, {"inputs": {"title": ["a"], "features": [[1, 2, 3]], "age": [1]}}, ""),
    ],
)
def test_a_row_is_sent_whole_or_by_name_and_not_both(
    mixed: Manifest, dialect: Any, body: dict[str, Any], place: str
) -> None:
    with pytest.raises(RequestError) as caught:
        asked(mixed, body, dialect=dialect)
    assert caught.value.code == "unknown_input"
    assert caught.value.message.startswith(f"{next(iter(body))}{place}.")
    assert caught.value.message.endswith(
        "expected either 'features' as a list or its values by name (age, income, {0}), and the "
        "same in all of a request, got both"
    )


def test_thousands_of_names_are_not_repeated(manifest: Manifest) -> None:
    columns = tuple(Column(f"feature {index}") for index in range(10_000))
    wide = with_inputs(
        manifest,
        InputSpec("all", "float32", (None, 10_000), Preprocess("record", record=Record(columns))),
    )
    with pytest.raises(RequestError) as caught:
        asked(wide, {"instances": [{"x" * 10_000: 1}]})
    assert len(caught.value.message) < 1500
    values = list(range(10_000))
    record = {column.name: value for column, value in zip(columns, values, strict=True)}
    assert asked(wide, {"instances": [record]}) == {"all": [values]}


def test_numbers_as_bytes_are_missing_where_they_are_nan(row: Manifest) -> None:
    numbers = np.array([[1, np.nan, 3]], np.float32)
    file = io.BytesIO()
    np.save(file, numbers)
    assert asked(row, file.getvalue(), "application/x-npy") == {"features": [[1.0, 2.5, 3.0]]}


values = st.one_of(st.none(), st.floats(width=32, allow_nan=False, allow_infinity=False))


@given(
    st.lists(
        st.fixed_dictionaries(
            {"age": values.filter(lambda v: v is not None)},
            optional={"income": values, "{0}": values},
        ),
        min_size=1,
        max_size=9,
    )
)
def test_all_forms_of_the_same_records_are_the_same(
    row: Manifest, records: list[dict[str, float | None]]
) -> None:
    expected = asked(row, {"instances": records})
    full = [{name: record.get(name) for name in FULL} for record in records]
    lists = [[record[name] for name in FULL] for record in full]
    columns = {name: [record[name] for record in full] for name in FULL}
    cells = [["" if v is None else repr(v) for v in record.values()] for record in full]
    table = "\n".join(map(",".join, [list(FULL), *cells]))
    assert asked(row, {"instances": lists}) == expected
    assert asked(row, {"instances": records}, dialect=SERVING) == expected
    assert asked(row, {"inputs": columns}, dialect=SERVING) == expected
    assert asked(row, table.encode(), CSV) == expected
