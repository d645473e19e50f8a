"""Tensors as NumPy writes them: viewed, or refused with what is wrong."""

from __future__ import annotations

import io
import pickle
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tflite_serving.contract.tensors import ClientDType, InputSpec
from tflite_serving.errors import RequestError
from tflite_serving.inputs.npy import read_npy
from tflite_serving.inputs.tensor import to_tensor


def spec(dtype: ClientDType = "float32", *shape: int | None) -> InputSpec:
    return InputSpec("x", dtype, (None, *(shape or (2, 3))))


def saved(values: npt.NDArray[Any], version: tuple[int, int] = (1, 0)) -> bytes:
    file = io.BytesIO()
    np.lib.format.write_array(file, values, version)
    return file.getvalue()


def tensor(body: bytes, x: InputSpec) -> npt.NDArray[Any]:
    return to_tensor(read_npy(body, x), x)


def refusal(body: bytes, x: InputSpec | None = None) -> tuple[str, str]:
    with pytest.raises(RequestError) as caught:
        tensor(body, x or spec())
    return caught.value.code, str(caught.value)


def with_header(text: str, data: bytes = b"") -> bytes:
    header = text.encode().ljust(117) + b"\n"
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + data


@pytest.mark.parametrize("version", [(1, 0), (2, 0)])
def test_a_float32_tensor_is_viewed_and_never_copied(version: tuple[int, int]) -> None:
    values = np.arange(12, dtype=np.float32).reshape(2, 2, 3)
    body = saved(values, version)
    read = tensor(body, spec())
    assert np.array_equal(read, values)
    assert np.shares_memory(read, np.frombuffer(body, np.uint8))


@given(
    hnp.arrays(
        st.sampled_from(["<f2", "<f4", "<f8", ">f4", "|u1", "<i2", ">i8"]),
        st.tuples(st.integers(1, 4), st.just(2), st.just(3)),
        elements={"min_value": 0, "max_value": 100},
    ),
    st.sampled_from([np.ascontiguousarray, np.asfortranarray]),
)
def test_any_kind_of_number_and_order_is_read(values: npt.NDArray[Any], ordered: Any) -> None:
    read = tensor(saved(ordered(values)), spec())
    assert read.dtype == np.float32
    assert np.array_equal(read, values.astype(np.float32))


@pytest.mark.parametrize("dtype", ["uint8", "int32", "int64"])
def test_whole_numbers_are_read_and_fractions_are_not(dtype: ClientDType) -> None:
    values = np.array([[0, 1, 255]])
    x = spec(dtype, 3)
    assert tensor(saved(values.astype(np.float64)), x).dtype == np.dtype(dtype)
    code, message = refusal(saved(values + 0.5), x)
    assert (code, message) == (
        "wrong_dtype",
        f"body[0][0]: expected a whole number ({dtype}), got 0.5",
    )


def test_bools_are_read_for_an_input_of_bools_alone() -> None:
    values = np.array([[True, False]])
    assert tensor(saved(values), spec("bool", 2)).tolist() == [[True, False]]
    assert refusal(saved(values), spec("float32", 2)) == (
        "wrong_dtype",
        "body: expected numbers (float32), got '|b1'",
    )
    assert refusal(saved(np.ones((1, 2))), spec("bool", 2))[0] == "wrong_dtype"


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_refused_by_place(value: float) -> None:
    values = np.zeros((2, 2, 3), np.float32)
    values[1, 0, 2] = value
    assert refusal(saved(values)) == (
        "not_finite",
        f"body[1][0][2]: expected a finite number, got {value}",
    )


def test_what_is_beyond_float32_is_refused() -> None:
    assert refusal(saved(np.full((1, 2, 3), 1e39)))[0] == "out_of_range"


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        (
            (2, 3),
            (
                "body: expected shape [any, 2, 3], got [2, 3]; is this one instance? "
                "add the axis of the batch: x[np.newaxis]"
            ),
        ),
        ((1, 3, 2), "body: expected shape [any, 2, 3], got [1, 3, 2]"),
        ((), "body: expected shape [any, 2, 3], got []"),
    ],
)
def test_another_shape_is_refused_with_advice(shape: tuple[int, ...], message: str) -> None:
    assert refusal(saved(np.zeros(shape, np.float32))) == ("wrong_shape", message)


@pytest.mark.parametrize("cut", [1, 24])
def test_a_body_cut_short_or_too_long_is_refused(cut: int) -> None:
    body = saved(np.zeros((2, 2, 3), np.float32))
    for wrong, size in ((body[:-cut], 48 - cut), (body + b"x" * cut, 48 + cut)):
        assert refusal(wrong) == (
            "malformed_npy",
            f"body: expected 48 bytes of float32 for the shape [2, 2, 3], got {size}",
        )


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\x93NUMPY",
        b'{"instances": [[1]]}',
        pickle.dumps([1]),
        with_header("{}"),
        with_header("{'descr': '<f4', 'fortran_order': False, 'shape': (-1, 2, 3)}"),
        with_header("{'descr': '<f4', 'fortran_order': False, 'shape': (10**30, 2, 3)}"),
        with_header("{'descr': '<f4', 'fortran_order': 0, 'shape': (1, 2, 3)}", b"\0" * 24),
        with_header("{'descr': 'nope', 'fortran_order': False, 'shape': (1,)}"),
        with_header("(" * 60),
        with_header("__import__('os').abort()"),
        b"\x93NUMPY\x09\x00" + b"x" * 100,
        b"\x93NUMPY\x02\x00\xff\xff\xff\xff" + b" " * 100,
    ],
)
def test_what_is_no_such_file_is_refused(body: bytes) -> None:
    code, message = refusal(body)
    assert code == "malformed_npy"
    assert message.startswith("body: expected ")


@pytest.mark.parametrize(
    "values",
    [
        np.array([[1, None]], dtype=object),
        np.array([["a"]]),
        np.array([[b"a"]]),
        np.zeros((1, 2), dtype="M8[s]"),
        np.zeros((1, 2), dtype=[("a" * 200, "<f4")]),
        np.zeros((1, 2), dtype=complex),
    ],
)
def test_objects_and_texts_are_never_read(values: npt.NDArray[Any]) -> None:
    file = io.BytesIO()
    np.lib.format.write_array(file, values)
    code, message = refusal(file.getvalue(), spec("float32", 2))
    assert code in {"wrong_dtype", "malformed_npy"}
    assert len(message) < 300


@given(st.binary() | st.binary().map(lambda data: b"\x93NUMPY\x01\x00" + data))
def test_any_body_is_a_tensor_or_refused_in_words_that_can_be_sent(body: bytes) -> None:
    try:
        read_npy(body, spec())
    except RequestError as error:
        assert orjson.dumps(error.message)  # noqa: PT017  # anything else fails the test
