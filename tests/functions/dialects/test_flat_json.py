"""Numbers read without a Python object for each: only what is surely right, and then the same."""

from __future__ import annotations

import json
import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tests.support.examples.strategies import json_values
from tflite_serving.contract.tensors import ClientDType, InputSpec
from tflite_serving.dialects.flat_json import FlatJson, Form
from tflite_serving.errors import RequestError
from tflite_serving.inputs.raw import Numbers, RawInput
from tflite_serving.inputs.tensor import to_tensor

ROWS, COLUMNS = Form("instances"), Form("inputs")
SIGNED = Form("instances", ("signature_name", "serving_default"))
SHAPES = st.lists(st.integers(1, 3), max_size=3).map(tuple)
DTYPES: list[ClientDType] = ["float32", "uint8", "int32", "int64"]


def spec(dtype: ClientDType, *shape: int | None) -> InputSpec:
    return InputSpec("x", dtype, (None, *shape))


def read(body: bytes | str, *shape: int | None, dtype: ClientDType = "float32") -> Numbers | None:
    data = body.encode() if isinstance(body, str) else body
    found = FlatJson(spec(dtype, *shape), ROWS, COLUMNS, SIGNED).read(data)
    return found[1] if found else None


@given(SHAPES, st.integers(1, 5), st.sampled_from([None, 0, 2]), st.data())
def test_what_json_writes_is_read_as_json_reads_it(
    shape: tuple[int, ...], batch: int, indent: int | None, data: st.DataObject
) -> None:
    values = data.draw(
        hnp.arrays(
            np.float64,
            (batch, *shape),
            elements=st.floats(allow_nan=False, allow_infinity=False),
        )
    )
    numbers = read(json.dumps({"instances": values.tolist()}, indent=indent), *shape)
    assert numbers is not None
    assert numbers.values.dtype == np.float64
    assert np.array_equal(numbers.values, values)
    assert numbers.at(1) == "instances[1]"


@given(SHAPES, st.sampled_from(["uint8", "int32", "int64"]), st.data())
def test_whole_numbers_stay_whole(
    shape: tuple[int, ...], dtype: ClientDType, data: st.DataObject
) -> None:
    values = data.draw(hnp.arrays(np.int64, (2, *shape)))
    numbers = read(json.dumps({"instances": values.tolist()}), *shape, dtype=dtype)
    assert numbers is not None
    assert numbers.values.dtype == np.int64
    assert np.array_equal(numbers.values, values)


@settings(max_examples=500, deadline=None)
@given(SHAPES, st.sampled_from(DTYPES), st.data())
def test_it_never_reads_what_the_other_reader_would_refuse_or_read_otherwise(
    shape: tuple[int, ...], dtype: ClientDType, data: st.DataObject
) -> None:
    """Whatever comes: nested wrongly, with strings, with numbers of all kinds."""
    odd: list[object] = [None, True, "1", [], {}, 1e39]
    leaves: st.SearchStrategy[object] = st.integers(-5, 300) | st.floats(-4, 4)
    leaves |= st.sampled_from(odd)
    nested: st.SearchStrategy[object] = leaves | json_values
    for size in reversed(shape):
        nested = st.lists(nested, min_size=size, max_size=size) | st.lists(leaves, max_size=3)
    instances = data.draw(st.lists(nested, max_size=3))
    numbers = read(json.dumps({"instances": instances}), *shape, dtype=dtype)
    if numbers is None:
        return
    x = spec(dtype, *shape)
    outcomes = []
    for raw in (numbers, RawInput(instances, "instances[{}]", may_hold_others=True)):
        try:
            outcomes.append(to_tensor(raw, x).tolist())
        except RequestError as error:
            outcomes.append(str(error))
    assert outcomes[0] == outcomes[1]


@pytest.mark.parametrize(
    "body",
    [
        '{"instances":[[1,2],[3]]}',
        '{"instances":[[1,2,3]]}',
        '{"instances":[[1,2,]]}',
        '{"instances":[[1 2]]}',
        '{"instances":[[1,2]],"instances":[[3,4]]}',
        '{"instances":[[1,2]]}]',
        '{"instances":[[1,2]]} 1',
        '{"instances":[[1,NaN]]}',
        '{"instances":[[1,1e999]]}',
        '{"instances":[[1,01]]}',
        '{"instances":[[1,+1]]}',
        '{"instances":[[1,1.]]}',
        '{"instances":[[1,--1]]}',
        '{"instances":[[1,]]}',
        '{"instances":[[,1]]}',
        '{"instances":[[1,[]]]}',
        '{"instances":[[]]}',
        '{"instances":[]}',
        '{"instances":[[1,true]]}',
        '{"instances":[[1,null]]}',
        '{"instances":[[1,"2"]]}',
        '{"instance s":[[1,2]]}',
        '{"instances ":[[1,2]]}',
        '{"inst1ances":[[1,2]]}',
        '{"instances":[[1,2]],"x":1}',
        '{"signature_name":"other","instances":[[1,2]]}',
        '{"signature_name":"serving_d fault","instances":[[1,2]]}',
        '\ufeff{"instances":[[1,2]]}',
        '{"instances":[[1,2]]}\x00',
        "",
        "{}",
        "[[1,2]]",
    ],
)
def test_what_is_not_surely_right_is_left_to_others(body: str) -> None:
    assert read(body, 2) is None


@pytest.mark.parametrize(
    ("body", "shape"),
    [
        ('{"instances":[1,2]}', ()),
        ('{"inputs":[[1],[2]]}', (1,)),
        (' { "instances" : [ [ 1 , 2 ] ] } ', (2,)),
        ('{"signature_name":"serving_default","instances":[[-1.5e-3,2E+4]]}', (2,)),
        ('{"signature_name": "serving_default", "instances": [[1, 2]]}', (2,)),
    ],
)
def test_the_forms_that_are_read(body: str, shape: tuple[int, ...]) -> None:
    numbers = read(body, *shape)
    assert numbers is not None
    (values,) = [v for v in json.loads(body).values() if isinstance(v, list)]
    assert numbers.values.tolist() == values


@pytest.mark.parametrize("x", [spec("float32", None), spec("bool", 2), spec("string", 2)])
def test_open_axes_and_other_kinds_of_values_are_left_to_others(x: InputSpec) -> None:
    assert FlatJson(x, ROWS).read(b'{"instances":[[1,2]]}') is None


def test_threads_do_not_get_into_each_others_way() -> None:
    reader = FlatJson(spec("float32", 3), ROWS)
    wrong: list[object] = []

    def work(number: int) -> None:
        body = json.dumps({"instances": [[number] * 3] * (number % 7 + 1)}).encode()
        for _ in range(300):
            found = reader.read(body)
            if found is None or not (found[1].values == number).all():
                wrong.append(found)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_numbers_outlive_the_next_body() -> None:
    first, second = read('{"instances":[[1,2]]}', 2), read('{"instances":[[3,4]]}', 2)
    assert first is not None
    assert second is not None
    assert (first.values.tolist(), second.values.tolist()) == ([[1, 2]], [[3, 4]])
