"""Nested lists become arrays, or a complaint that says where."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tests.support.examples.strategies import json_values
from tflite_serving.contract.tensors import ClientDType, InputSpec
from tflite_serving.errors import RequestError
from tflite_serving.inputs.raw import RawInput
from tflite_serving.inputs.tensor import to_tensor


def raw(values: list[Any], place: str = "instances[{}]") -> RawInput:
    text = json.dumps(values)
    return RawInput(values, place, '"' in text or "true" in text or "false" in text)


def spec(dtype: ClientDType, *shape: int | None) -> InputSpec:
    return InputSpec("x", dtype, (None, *shape))


def test_a_long_string_costs_no_more_memory_than_it_has() -> None:
    # numpy would make a table with room for the longest string in each place: 40 GB here.
    values: list[Any] = ["x" * 1_000_000, *[""] * 10_000]
    with pytest.raises(RequestError, match=r'got "x{40}…"$'):
        to_tensor(raw(values), spec("float32"))


def test_scalar_instances_make_a_batch_of_one_axis() -> None:
    array = to_tensor(raw([1, 2.5]), spec("float32"))
    assert array.tolist() == [1.0, 2.5]
    assert array.dtype == np.float32


def test_whole_numbers_may_be_written_as_floats() -> None:
    array = to_tensor(raw([[1.0, 255]]), spec("uint8", 2))
    assert array.tolist() == [[1, 255]]
    assert array.dtype == np.uint8


def test_an_int64_keeps_every_digit_beside_a_float() -> None:
    array = to_tensor(raw([[2**53 + 1, 2.0, 2**63 - 1]]), spec("int64", 3))
    assert array.tolist() == [[2**53 + 1, 2, 2**63 - 1]]


def test_an_integer_beyond_64_bits_is_a_float_like_any_other() -> None:
    array = to_tensor(raw([[2**70, 1]]), spec("float32", 2))
    assert array.tolist() == [[2.0**70, 1.0]]


@st.composite
def batches(draw: st.DrawFn) -> tuple[InputSpec, list[Any]]:
    dtype: ClientDType = draw(st.sampled_from(["float32", "uint8", "int32", "int64", "bool"]))
    shape = draw(st.lists(st.integers(1, 4), max_size=3))
    opened = tuple(draw(st.sampled_from([size, None])) for size in shape)
    limits = {"allow_nan": False, "allow_infinity": False}
    elements = {"elements": limits} if dtype == "float32" else {}
    array = draw(hnp.arrays(dtype, (draw(st.integers(1, 4)), *shape), **elements))  # type: ignore[call-overload]
    return spec(dtype, *opened), array.tolist()


@given(batches())
@settings(deadline=None)
def test_every_valid_batch_becomes_the_array_that_numpy_makes(
    batch: tuple[InputSpec, list[Any]],
) -> None:
    of, values = batch
    expected = np.array(values, dtype=of.dtype)
    for others in {True, raw(values).may_hold_others}:
        array = to_tensor(RawInput(values, "instances[{}]", others), of)
        assert array.dtype == expected.dtype
        assert array.shape == expected.shape
        assert (array == expected).all()


@given(
    st.lists(
        json_values | hnp.arrays("int64", (2, 1)).map(lambda array: array.tolist()), min_size=1
    ),
    st.lists(st.none() | st.integers(1, 3), max_size=3),
    st.sampled_from(["float32", "uint8", "int32", "int64", "bool"]),
)
@settings(deadline=None, max_examples=500)
def test_any_json_becomes_an_array_of_the_spec_or_a_request_error(
    values: list[Any], shape: list[int | None], dtype: ClientDType
) -> None:
    try:
        array = to_tensor(raw(values), spec(dtype, *shape))
    except RequestError as error:
        assert error.message.startswith("instances")  # noqa: PT017  # anything else fails
        return
    assert array.dtype == dtype
    assert len(array) == len(values)
    assert all(want in (None, got) for want, got in zip(shape, array.shape[1:], strict=True))
    assert np.isfinite(array).all()
