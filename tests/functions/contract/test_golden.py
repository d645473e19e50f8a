"""Golden examples: the file, and the comparison."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tests.support.examples.strategies import printable
from tflite_serving.contract.codec import ContractError
from tflite_serving.contract.golden import GoldenExamples, read_golden, write_golden
from tflite_serving.contract.tensors import InputSpec, OutputSpec

GOLDEN = GoldenExamples(
    ids=("test[1]", "test[4]"),
    inputs={"x": np.ones((2, 3), np.float32)},
    outputs={"y": np.array([[0.1, 0.9], [0.6, 0.4]], np.float32)},
    tolerance={"y": np.array(0.05)},
)


@st.composite
def goldens(draw: st.DrawFn) -> GoldenExamples:
    ids = tuple(draw(st.lists(printable, min_size=1, max_size=4)))
    keys = printable.filter(lambda name: not name.endswith(".npy"))

    def tensors(dtypes: list[str]) -> dict[str, npt.NDArray[Any]]:
        found = {}
        for name in draw(st.lists(keys, min_size=1, max_size=3, unique=True)):
            shape = (len(ids), *draw(st.lists(st.integers(1, 3), max_size=2)))
            found[name] = draw(hnp.arrays(draw(st.sampled_from(dtypes)), shape))
        return found

    inputs = tensors(["float32", "uint8", "int64", "bool", "U3"])
    outputs = tensors(["float32", "float64", "int32"])
    return GoldenExamples(
        ids=ids,
        inputs=inputs,
        outputs=outputs,
        tolerance={
            name: draw(hnp.arrays("float64", shape, elements=st.floats(0, 1)))
            for name, values in outputs.items()
            for shape in [draw(st.sampled_from([(), values.shape[1:]]))]
        },
        missing={
            name: draw(hnp.arrays("bool", values.shape))
            for name, values in inputs.items()
            if draw(st.booleans())
        },
    )


def same(one: Mapping[str, npt.NDArray[Any]], other: Mapping[str, npt.NDArray[Any]]) -> bool:
    return one.keys() == other.keys() and all(
        one[name].dtype == other[name].dtype
        and one[name].shape == other[name].shape
        and one[name].tobytes() == other[name].tobytes()
        for name in one
    )


@given(goldens())
@settings(deadline=None, max_examples=50)
def test_every_set_of_examples_is_read_back_as_it_was_written(golden: GoldenExamples) -> None:
    data = write_golden(golden)
    assert write_golden(golden) == data
    found = read_golden(data)
    assert found.ids == golden.ids
    assert same(found.inputs, golden.inputs)
    assert same(found.outputs, golden.outputs)
    assert same(found.missing, golden.missing)
    assert same(found.tolerance, golden.tolerance)


@given(st.binary())
def test_any_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(ContractError, match=r"^golden: expected an npz of golden examples, got "):
        read_golden(data)


@given(st.data())
@settings(deadline=None, max_examples=200)
def test_a_damaged_file_is_read_or_refused(data: st.DataObject) -> None:
    whole = bytearray(write_golden(GOLDEN))
    for _ in range(data.draw(st.integers(1, 4))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    try:
        read_golden(bytes(whole[: data.draw(st.integers(1, len(whole)))]))
    except ContractError as error:
        assert error.path.startswith("golden")  # noqa: PT017  # anything else fails the test


def npz(**arrays: Any) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=True, **arrays)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("arrays", "expected"),
    [
        ({}, "golden: expected an npz of golden examples, got 'ids'"),
        ({"ids": np.array([])}, "golden.ids: expected at least one example, got none"),
        (
            {"ids": np.array(["a"]), "inputs/x": np.ones((2, 1))},
            "golden.inputs['x']: expected 1 rows, got the shape [2, 1]",
        ),
        (
            {"ids": np.array(["a"]), "outputs/y": np.array(1.0)},
            "golden.outputs['y']: expected 1 rows, got the shape []",
        ),
        (
            {"ids": np.array(["a"]), "outputs/y": np.ones((1, 1))},
            "golden.tolerance: expected ['y'], got []",
        ),
        (
            {"ids": np.array(["a"]), "outputs/y": np.array(["b"]), "tolerance/y": np.array(0.1)},
            "golden.outputs['y']: expected numbers, got <U1",
        ),
        (
            {"ids": np.array(["a"]), "outputs/y": np.ones((1, 2)), "tolerance/y": np.ones(3)},
            (
                "golden.tolerance['y']: expected a number, or one for each value, [2], got float64 "
                "of the shape [3]"
            ),
        ),
        (
            {"ids": np.array(["a"]), "inputs/x": np.ones((1, 2)), "missing/x": np.array([True])},
            "golden.missing['x']: expected true or false for each value of an input of this name",
        ),
        (
            {"ids": np.array(["a"]), "inputs/x": np.ones(1), "missing/x": np.ones(1)},
            "golden.missing['x']: expected true or false for each value of an input of this name",
        ),
    ],
)
def test_a_complaint_names_the_array(arrays: dict[str, Any], expected: str) -> None:
    with pytest.raises(ContractError) as caught:
        read_golden(npz(**arrays))
    assert str(caught.value) == expected


def test_pickled_objects_are_refused() -> None:
    data = npz(ids=np.array([{"a": 1}], dtype=object))
    with pytest.raises(ContractError, match="Object arrays cannot be loaded"):
        read_golden(data)


def test_a_bare_array_is_no_set_of_examples() -> None:
    buffer = io.BytesIO()
    np.save(buffer, np.ones(3))
    with pytest.raises(ContractError, match=r"^golden: expected an npz"):
        read_golden(buffer.getvalue())


def test_answers_within_tolerance_are_the_same() -> None:
    assert GOLDEN.differences({"y": GOLDEN.outputs["y"] + np.float32(0.0499)}) == []


def test_an_answer_beyond_tolerance_is_named_with_its_largest_difference() -> None:
    answers = GOLDEN.outputs["y"].copy()
    answers[1] += [0.1, 0.2]
    (found,) = GOLDEN.differences({"y": answers})
    assert (found.id, found.output, found.tolerance) == ("test[4]", "y", 0.05)
    assert found.gap == pytest.approx(0.2)


def test_each_value_may_have_a_tolerance_of_its_own() -> None:
    golden = replace(GOLDEN, tolerance={"y": np.array([100.0, 0.01])})
    assert golden.differences({"y": golden.outputs["y"] + np.array([90, 0], np.float32)}) == []
    first, second = golden.differences(
        {"y": golden.outputs["y"] + np.array([90, 0.02], np.float32)}
    )
    assert (first.id, second.id, first.tolerance) == ("test[1]", "test[4]", 0.01)
    assert first.gap == pytest.approx(0.02, abs=1e-6)


def test_nan_is_never_within_tolerance() -> None:
    answers = GOLDEN.outputs["y"].copy()
    answers[0, 0] = np.nan
    assert [found.id for found in GOLDEN.differences({"y": answers})] == ["test[1]"]


def test_a_tolerance_that_is_no_number_lets_nothing_pass() -> None:
    golden = replace(GOLDEN, tolerance={"y": np.array([np.nan, 0.05])})
    found = golden.differences({"y": golden.outputs["y"]})
    assert [each.id for each in found] == ["test[1]", "test[4]"]


def test_an_answer_of_another_shape_is_not_compared() -> None:
    with pytest.raises(ContractError) as caught:
        GOLDEN.differences({"y": np.zeros((2, 1))})
    assert str(caught.value) == (
        "golden.outputs['y']: expected an answer of the shape [2, 2], got [2, 1]"
    )


@pytest.mark.parametrize(
    ("inputs", "outputs", "expected"),
    [
        ({"x": (None, 3)}, {"z": (None, 2)}, "golden.outputs: expected ['z'], got ['y']"),
        ({"a": (None, 3)}, {"y": (None, 2)}, "golden.inputs: expected ['a'], got ['x']"),
        (
            {"x": (None, 4)},
            {"y": (None, 2)},
            "golden.inputs['x']: expected the shape [null, 4], got [2, 3]",
        ),
        (
            {"x": (None, 3)},
            {"y": (None, 2, 1)},
            "golden.outputs['y']: expected the shape [null, 2, 1], got [2, 2]",
        ),
    ],
)
def test_examples_of_another_model_are_refused(
    inputs: dict[str, Any], outputs: dict[str, Any], expected: str
) -> None:
    with pytest.raises(ContractError) as caught:
        GOLDEN.check_specs(
            tuple(InputSpec(name, "float32", shape) for name, shape in inputs.items()),
            tuple(OutputSpec(name, "float32", shape) for name, shape in outputs.items()),
        )
    assert str(caught.value) == expected


def test_examples_of_the_model_are_accepted() -> None:
    GOLDEN.check_specs(
        (InputSpec("x", "float32", (None, None)),), (OutputSpec("y", "float32", (None, 2)),)
    )
