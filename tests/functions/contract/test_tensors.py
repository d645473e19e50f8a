"""Specs, and the arithmetic of quantization."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from ai_edge_litert.interpreter import Interpreter
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from model_export.flatbuffer.inspect import bindings
from tests.support.models import tiny
from tflite_serving.contract.codec import ContractError
from tflite_serving.contract.tensors import (
    InputSpec,
    OutputSpec,
    TensorBinding,
    TensorDType,
    show_shape,
)

FLOATS = hnp.arrays(np.float32, (7,), elements=st.floats(-1e6, 1e6, width=32))


@st.composite
def quantized(draw: st.DrawFn) -> TensorBinding:
    dtype: TensorDType = draw(st.sampled_from(["int8", "uint8", "int16"]))
    limits = np.iinfo(dtype)
    zero_point = draw(st.integers(limits.min, limits.max))
    return TensorBinding("x", "t", dtype, (None,), draw(st.floats(1e-4, 1e4)), zero_point)


def limits(binding: TensorBinding) -> tuple[float, float]:
    """The smallest and largest real value that the tensor can hold."""
    assert binding.scale is not None
    assert binding.zero_point is not None
    info = np.iinfo(binding.dtype)
    return (
        (info.min - binding.zero_point) * binding.scale,
        (info.max - binding.zero_point) * binding.scale,
    )


@given(quantized(), hnp.arrays(np.float64, (9,), elements=st.floats(0, 1)))
def test_a_value_in_range_comes_back_within_half_a_step(
    binding: TensorBinding, places: npt.NDArray[np.float64]
) -> None:
    low, high = limits(binding)
    values = (low + places * (high - low)).astype(np.float32)
    back = binding.to_natural(binding.to_tensor(values))
    assert binding.scale is not None
    slack = 1e-5 * max(abs(low), abs(high))  # float32 itself
    assert np.abs(back - values).max() <= binding.scale / 2 + slack
    assert back.dtype == np.float32


@given(quantized(), FLOATS)
def test_values_beyond_the_range_saturate(
    binding: TensorBinding, values: npt.NDArray[np.float32]
) -> None:
    low, high = limits(binding)
    info = np.iinfo(binding.dtype)
    tensor = binding.to_tensor(values)
    assert tensor.dtype == binding.dtype
    assert (tensor[values > high * 1.001 + 1e-3] == info.max).all()
    assert (tensor[values < low * 1.001 - 1e-3] == info.min).all()


@pytest.mark.parametrize("scale", [1.2e-38, 0.004, 5e33])
def test_the_largest_floats_saturate_without_a_warning(scale: float) -> None:
    binding = TensorBinding("x", "t", "int8", (None,), scale, 3)
    largest = np.finfo(np.float32).max
    tensor = binding.to_tensor(np.array([largest, -largest, 0], np.float32))
    assert tensor.tolist() == [127, -128, 3]


@pytest.mark.parametrize("scale", [1.2e-38, 5e33])
def test_every_quantized_value_is_a_finite_float32(scale: float) -> None:
    binding = TensorBinding("x", "t", "int16", (None,), scale, -32768)
    assert np.isfinite(binding.to_natural(np.array([-32768, 32767], np.int16))).all()


@given(quantized(), st.data())
def test_every_quantized_value_survives_the_way_there_and_back(
    binding: TensorBinding, data: st.DataObject
) -> None:
    tensor = data.draw(hnp.arrays(binding.dtype, (5,)))
    assert (binding.to_tensor(binding.to_natural(tensor)) == tensor).all()


@given(FLOATS)
def test_a_float32_tensor_passes_through(values: npt.NDArray[np.float32]) -> None:
    binding = TensorBinding("x", "t", "float32", (None,))
    assert binding.to_tensor(values) is values
    assert binding.to_natural(values) is values


@pytest.mark.parametrize("dtype", ["float16", "int32", "int64", "uint8", "bool"])
def test_a_tensor_that_is_not_quantized_only_changes_its_dtype(dtype: TensorDType) -> None:
    tensor = TensorBinding("x", "t", dtype, (None,)).to_tensor(np.array([0, 1], np.uint8))
    assert tensor.dtype == dtype
    assert tensor.tolist() == [0, 1]


def test_quantizing_agrees_with_the_runtime() -> None:
    """static_int8 begins with a QUANTIZE and ends with a DEQUANTIZE around full_int8's model."""
    full, static = tiny.quantized("full_int8"), tiny.quantized("static_int8")
    (inner,), (outer,) = bindings(full, ("features",), ("species",))
    rows = np.random.default_rng(1).uniform(-0.2, 1.2, (200, tiny.FEATURES)).astype(np.float32)
    by_us = outer.to_natural(_run(full, inner.to_tensor(rows)))
    by_runtime = _run(static, rows)
    assert outer.scale is not None
    # Rounding ties may go either way, which the model carries on by a step at most.
    assert np.abs(by_us - by_runtime).max() <= outer.scale * 1.01
    assert (by_us == by_runtime).mean() > 0.98


def _run(model: bytes, rows: npt.NDArray[Any]) -> npt.NDArray[Any]:
    interpreter = Interpreter(model_content=model)
    index = interpreter.get_input_details()[0]["index"]
    interpreter.resize_tensor_input(index, rows.shape)
    interpreter.allocate_tensors()
    interpreter.set_tensor(index, rows)
    interpreter.invoke()
    found: npt.NDArray[Any] = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
    return found


def test_one_sigmoid_score_has_two_labels() -> None:
    OutputSpec("y", "float32", (None, 1), labels=("no", "yes"), activation="sigmoid")
    with pytest.raises(ContractError) as caught:
        OutputSpec("y", "float32", (None, 1), labels=("yes",))
    assert str(caught.value) == "labels: expected 2 labels for the shape [null, 1], got 1"


def test_an_instance_is_a_batch_without_its_first_axis() -> None:
    assert InputSpec("x", "float32", (None, 8, None)).instance_shape == (8, None)
    assert InputSpec("x", "float32", (None,)).instance_shape == ()


def test_shapes_are_shown_as_documents_hold_them() -> None:
    assert show_shape((None, 8, 1)) == "[null, 8, 1]"
    assert show_shape(()) == "[]"
