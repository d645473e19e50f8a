"""Converts an input's values, such as nested lists of numbers, to a validated tensor."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from tflite_serving.contract.tensors import InputSpec
from tflite_serving.errors import RequestError
from tflite_serving.inputs.diagnose import explain, fits, format_value
from tflite_serving.inputs.missing import fill, fill_nan, missing_value_hint
from tflite_serving.inputs.raw import Numbers, RawInput

_SMALL = 2**12
_SAFE = float(np.finfo(np.float32).max) ** 2


def to_tensor(raw: RawInput | Numbers, spec: InputSpec) -> npt.NDArray[Any]:
    """Converts and validates the values of one input.

    Args:
        raw: Values of a batch.
        spec: Input, as clients see it.

    Returns:
        Tensor, [batch, …], in the shape and dtype of `spec`, every value finite; a view where
        possible. Strings are objects.

    Raises:
        RequestError: A value or instance is invalid; with the place of the first one.
    """
    if spec.preprocess.record is not None and isinstance(raw, RawInput):
        raw = replace(raw, values=fill(raw.values, spec))
    if spec.dtype == "string":
        assert isinstance(raw, RawInput)
        return _strings(raw, spec)
    numbers = raw if isinstance(raw, Numbers) else _numbers(raw, spec)
    if spec.preprocess.record is not None:
        numbers.values = fill_nan(numbers.values, spec)
    if spec.dtype == "float32":
        return _to_float32(numbers)
    return _to_whole(numbers, raw, spec)


def _strings(raw: RawInput, spec: InputSpec) -> npt.NDArray[np.object_]:
    if not set(map(type, raw.values)) <= {str}:
        index, value = next(
            (index, value) for index, value in enumerate(raw.values) if not isinstance(value, str)
        )
        hint = missing_value_hint(spec, spec.name) if value is None else ""
        raise RequestError(
            "wrong_dtype", f"{raw.at(index)}: expected a string, got {format_value(value)}{hint}"
        )
    array = np.empty(len(raw.values), dtype=object)
    array[:] = raw.values
    return array


def _numbers(raw: RawInput, spec: InputSpec) -> Numbers:
    """Converts all values in one call of numpy; only what shows to be wrong is looked for."""
    try:
        if raw.may_hold_others:
            # numpy would read true as 1, and give every value as much room as the longest string.
            _refuse_others(raw, spec)
        array = np.array(raw.values)
    except (ValueError, OverflowError):
        explain(raw, spec)
    if array.dtype.kind == "O":
        array = _wide_integers(array, raw, spec)
    kinds = "b" if spec.dtype == "bool" else "iuf"
    if array.dtype.kind not in kinds or not fits(array.shape[1:], spec.instance_shape):
        explain(raw, spec)
    return Numbers(array, raw.place, raw.columns)


def _refuse_others(raw: RawInput, spec: InputSpec) -> None:
    good = {bool} if spec.dtype == "bool" else {int, float}
    leaves = np.array(raw.values, dtype=object)
    if not set(map(type, leaves.ravel().tolist())) <= good:
        explain(raw, spec)


def _wide_integers(
    array: npt.NDArray[np.object_], raw: RawInput, spec: InputSpec
) -> npt.NDArray[np.float64]:
    """What numpy left as objects: once all are numbers, some are integers beyond 64 bits."""
    if not set(map(type, array.ravel().tolist())) <= {int, float}:
        explain(raw, spec)
    beyond = 2**1000  # of every dtype that a client can send, and still a float64
    return np.asarray(np.clip(array, -beyond, beyond).astype(np.float64))


def _to_float32(numbers: Numbers) -> npt.NDArray[np.float32]:
    array = numbers.values
    if array.size <= _SMALL and array.dtype == np.float64 and np.vdot(array, array) < _SAFE:
        # The sum of squares says in one short call that no value is NaN or beyond float32. Unlike
        # the method `dot`, it never warns when it overflows.
        return array.astype(np.float32)
    with np.errstate(over="ignore"):
        values = array.astype(np.float32, copy=False)
    if not np.isfinite(values).all():
        place, index = _first(~np.isfinite(values), numbers)
        _refuse_non_finite(place, array[index])
        limit = np.finfo(np.float32).max
        raise RequestError(
            "out_of_range",
            f"{place}: expected a float32, from {-limit:.4g} to {limit:.4g}, "
            f"got {array[index]:.6g}",
        )
    return values


def _to_whole(numbers: Numbers, raw: RawInput | Numbers, spec: InputSpec) -> npt.NDArray[Any]:
    array, dtype = numbers.values, np.dtype(spec.dtype)
    if dtype.kind == "b":
        return array
    limits = np.iinfo(dtype)
    if array.dtype.kind == "f":
        _refuse_fractions(numbers, spec)
        if dtype.itemsize == 8 and isinstance(raw, RawInput):
            # A float64 rounds whole numbers beyond 2**53: compare and convert what was sent.
            sent = np.array(raw.values, dtype=object)
            # Of NaN, which alone differs from itself, what stands for it is among the numbers.
            array = np.where(sent != sent, array, sent)  # noqa: PLR0124
    outside = (array < limits.min) | (array > limits.max)
    if array.dtype.kind == "O":
        # An integer just below the lowest came as a float, which rounds it up to the lowest.
        floats = np.reshape([isinstance(value, float) for value in array.flat], array.shape)
        outside |= floats & (array == limits.min)
    if outside.any():
        place, index = _first(outside, numbers)
        raise RequestError(
            "out_of_range",
            f"{place}: expected {limits.min} to {limits.max} ({spec.dtype}), got {array[index]}",
        )
    return array.astype(dtype, copy=False)


def _refuse_fractions(numbers: Numbers, spec: InputSpec) -> None:
    array = numbers.values
    fractional = array != np.rint(array)
    if fractional.any():
        place, index = _first(fractional, numbers)
        _refuse_non_finite(place, array[index])
        raise RequestError(
            "wrong_dtype", f"{place}: expected a whole number ({spec.dtype}), got {array[index]}"
        )


def _refuse_non_finite(place: str, value: Any) -> None:
    if not np.isfinite(value):
        raise RequestError("not_finite", f"{place}: expected a finite number, got {value}")


def _first(wrong: npt.NDArray[np.bool_], numbers: Numbers) -> tuple[str, tuple[int, ...]]:
    index = tuple(int(axis[0]) for axis in np.nonzero(wrong))
    return numbers.at(*index), index
