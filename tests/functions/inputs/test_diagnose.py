"""What is wrong with values that are no tensor is told with its place."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from tflite_serving.contract.tensors import ClientDType, InputSpec, Shape
from tflite_serving.errors import RequestError
from tflite_serving.inputs.diagnose import show_shape
from tflite_serving.inputs.raw import RawInput
from tflite_serving.inputs.tensor import to_tensor

PIXEL = "wrap each number in a list, for the last axis"

WHOLE = "is this one instance? wrap it in a list: instances is a list of instances"


def raw(values: list[Any], place: str = "instances[{}]") -> RawInput:
    text = json.dumps(values)
    return RawInput(values, place, '"' in text or "true" in text or "false" in text)


def spec(dtype: ClientDType, *shape: int | None) -> InputSpec:
    return InputSpec("x", dtype, (None, *shape))


def deep(levels: int, leaf: object = 0) -> object:
    for _ in range(levels):
        leaf = [leaf]
    return leaf


@pytest.mark.parametrize(
    ("shape", "dtype", "values", "code", "message"),
    [
        # Shapes
        ((2,), "float32", [[1, 2], [3]], "wrong_shape", "[1]: expected shape [2], got [1]"),
        ((2, 2), "float32", [[[1, 2]]], "wrong_shape", "[0]: expected shape [2, 2], got [1, 2]"),
        ((4,), "float32", [1, 2, 3, 4], "wrong_shape", f"[0]: expected shape [4], got []; {WHOLE}"),
        (
            (2, 2),
            "float32",
            [[1, 2], [3, 4]],
            "wrong_shape",
            f"[0]: expected shape [2, 2], got [2]; {WHOLE}",
        ),
        (
            (2, 3, 1),
            "float32",
            [[[1, 2, 3], [4, 5, 6]]],
            "wrong_shape",
            f"[0]: expected shape [2, 3, 1], got [2, 3]; {PIXEL}",
        ),
        (
            (2, 2),
            "float32",
            [[1, 2, 3, 4]],
            "wrong_shape",
            (
                "[0]: expected shape [2, 2], got [4]; the count of numbers is right, the nesting "
                "is not"
            ),
        ),
        (
            (),
            "float32",
            [1, [2]],
            "wrong_shape",
            "[1]: expected shape [], got [1]; the count of numbers is right, the nesting is not",
        ),
        ((2,), "float32", [[]], "wrong_shape", "[0]: expected shape [2], got [0]"),
        ((2, 2), "float32", [[[], []]], "wrong_shape", "[0]: expected shape [2, 2], got [2, 0]"),
        ((None,), "float32", [[]], "wrong_shape", "[0]: expected shape [any], got [0]"),
        ((None,), "bool", [[]], "wrong_shape", "[0]: expected shape [any], got [0]"),
        (
            (None,),
            "float32",
            [[1], [1], [1, 2]],
            "wrong_shape",
            (
                "[2]: expected shape [1] like the instances before it, got [2]; send different "
                "shapes in different requests"
            ),
        ),
        (
            (2, 2),
            "float32",
            [[[1, 2], [3, 4]], [[1, 2], [3]]],
            "ragged",
            (
                "[1][1]: expected shape [2] like its neighbours, got [1]; lists within one "
                "instance must have equal lengths"
            ),
        ),
        (
            (2, 2),
            "float32",
            [[[1, 2], 3]],
            "ragged",
            (
                "[0][1]: expected shape [2] like its neighbours, got []; lists within one instance "
                "must have equal lengths"
            ),
        ),
        # Values that are no numbers
        (
            (2,),
            "float32",
            [[1, "2"]],
            "wrong_dtype",
            '[0][1]: expected a number (float32), got "2"',
        ),
        (
            (2,),
            "float32",
            [[1, "a" * 50]],
            "wrong_dtype",
            f'[0][1]: expected a number (float32), got "{"a" * 40}…"',
        ),
        (
            (2,),
            "float32",
            [[1, 2], [1, True]],
            "wrong_dtype",
            "[1][1]: expected a number (float32), got true",
        ),
        (
            (2,),
            "uint8",
            [[True, False]],
            "wrong_dtype",
            "[0][0]: expected a number (uint8), got true",
        ),
        (
            (2,),
            "int64",
            [[1, None]],
            "wrong_dtype",
            "[0][1]: expected a number (int64), got null",
        ),
        (
            (2,),
            "float32",
            [[1, {"b64": ""}]],
            "wrong_dtype",
            "[0][1]: expected a number (float32), got an object",
        ),
        (
            (2,),
            "float32",
            [[1, 2], {}],
            "wrong_dtype",
            "[1]: expected a number (float32), got an object",
        ),
        ((), "float32", ["x"], "wrong_dtype", '[0]: expected a number (float32), got "x"'),
        ((2,), "bool", [[True, 1]], "wrong_dtype", "[0][1]: expected true or false, got 1"),
        ((2,), "bool", [[0.0, 1]], "wrong_dtype", "[0][0]: expected true or false, got 0.0"),
        # Values out of range
        (
            (2,),
            "float32",
            [[0, 0], [0, 1e39]],
            "out_of_range",
            "[1][1]: expected a float32, from -3.403e+38 to 3.403e+38, got 1e+39",
        ),
        (
            (1,),
            "float32",
            [[float("inf")]],
            "not_finite",
            "[0][0]: expected a finite number, got inf",
        ),
        (
            (1,),
            "float32",
            [[10**400]],
            "out_of_range",
            "[0][0]: expected a float32, from -3.403e+38 to 3.403e+38, got 1.07151e+301",
        ),
        ((2,), "uint8", [[0, 256]], "out_of_range", "[0][1]: expected 0 to 255 (uint8), got 256"),
        ((2,), "uint8", [[0, -1]], "out_of_range", "[0][1]: expected 0 to 255 (uint8), got -1"),
        (
            (2,),
            "uint8",
            [[0, 256.0]],
            "out_of_range",
            "[0][1]: expected 0 to 255 (uint8), got 256.0",
        ),
        (
            (1,),
            "int32",
            [[2**31]],
            "out_of_range",
            "[0][0]: expected -2147483648 to 2147483647 (int32), got 2147483648",
        ),
        (
            (1,),
            "int64",
            [[2**63]],
            "out_of_range",
            (
                "[0][0]: expected -9223372036854775808 to 9223372036854775807 (int64), "
                "got 9223372036854775808"
            ),
        ),
        (
            (1,),
            "int64",
            [[2.0**63]],
            "out_of_range",
            (
                "[0][0]: expected -9223372036854775808 to 9223372036854775807 (int64), "
                "got 9.223372036854776e+18"
            ),
        ),
        (
            (2,),
            "int64",
            [[1, 2**70]],
            "out_of_range",
            (
                "[0][1]: expected -9223372036854775808 to 9223372036854775807 (int64), "
                "got 1180591620717411303424"
            ),
        ),
        (
            (2,),
            "int32",
            [[1, 0.5]],
            "wrong_dtype",
            "[0][1]: expected a whole number (int32), got 0.5",
        ),
    ],
)
def test_a_complaint_names_the_place_what_was_expected_and_what_came(
    shape: Shape, dtype: ClientDType, values: list[Any], code: str, message: str
) -> None:
    with pytest.raises(RequestError) as caught:
        to_tensor(raw(values), spec(dtype, *shape))
    assert str(caught.value) == f"instances{message}"
    assert caught.value.code == code


def test_a_place_is_named_as_the_client_wrote_it() -> None:
    with pytest.raises(RequestError, match=r'^inputs\.a\[1\]\[0\]: expected a number.*, got "x"$'):
        to_tensor(raw([[1], ["x"]], "inputs.a[{}]"), spec("float32", 1))
    with pytest.raises(RequestError, match=r"^instances\[1\]\.\{0\}\[0\]: expected 0 to 255"):
        to_tensor(raw([[1], [256]], "instances[{}].{{0}}"), spec("uint8", 1))


@pytest.mark.parametrize("levels", [33, 65, 500, 1020])
def test_deep_nesting_is_refused(levels: int) -> None:
    for values, others in (([deep(levels)], False), ([[1.0], deep(levels, "x")], True)):
        with pytest.raises(RequestError, match=r"^instances.*: expected") as caught:
            to_tensor(RawInput(values, "instances[{}]", others), spec("float32", 1))
        assert caught.value.code in {"wrong_shape", "wrong_dtype", "ragged"}


def test_deep_nesting_is_called_that() -> None:
    with pytest.raises(RequestError) as caught:
        to_tensor(RawInput([deep(1020)], "inputs.a[{}]", may_hold_others=False), spec("float32", 1))
    assert str(caught.value) == (
        "inputs.a: expected instances of shape [1], got lists nested too deeply"
    )


def test_one_wrong_value_in_a_big_batch_is_found() -> None:
    values: list[Any] = np.zeros((1000, 1000)).tolist()
    values[-1][-1] = True
    with pytest.raises(RequestError, match=r"^instances\[999\]\[999\]: .* got true$"):
        to_tensor(RawInput(values, "instances[{}]", may_hold_others=True), spec("float32", 1000))


def test_an_open_axis_is_shown_as_any() -> None:
    assert show_shape((None, 8)) == "[any, 8]"


def test_a_search_through_too_many_values_ends() -> None:
    values: list[Any] = np.zeros((3, 1_000_001)).tolist()
    with pytest.raises(RequestError, match="more than 2000000 values; send less to be told where"):
        to_tensor(RawInput(values, "instances[{}]", may_hold_others=False), spec("float32", 1))
