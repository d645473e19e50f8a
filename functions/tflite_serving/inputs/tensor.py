"""Numbers in the input's own shape: nested lists become an array, or a precise complaint."""

from __future__ import annotations

import math
from typing import Any, NoReturn

import numpy as np
import numpy.typing as npt

from tflite_serving.contract.tensors import InputSpec, Shape
from tflite_serving.errors import RequestError
from tflite_serving.inputs.raw import RawInput


def to_tensor(raw: RawInput, spec: InputSpec) -> npt.NDArray[Any]:
    """Converts and checks one input.

    The common case is one call of numpy; what is wrong is looked for only when that shows that
    something is.

    Args:
        raw: the values of a batch.
        spec: what they must be.

    Returns:
        [batch, …] in the shape and dtype of `spec`, every value finite.

    Raises:
        RequestError: with the place of the first value or instance that is wrong.
    """
    try:
        if raw.may_hold_others:
            # numpy would read true as 1, and give every value as much room as the longest string.
            _refuse_others(raw, spec)
        array = np.array(raw.values)
    except (ValueError, OverflowError):
        _explain(raw, spec)
    if array.dtype.kind == "O":
        array = _wide_integers(array, raw, spec)
    kinds = "b" if spec.dtype == "bool" else "iuf"
    if array.dtype.kind not in kinds or not _fits(array.shape[1:], spec.instance_shape):
        _explain(raw, spec)
    if spec.dtype == "float32":
        return _to_float32(array, raw)
    return _to_whole(array, raw, spec)


def _refuse_others(raw: RawInput, spec: InputSpec) -> None:
    good = {bool} if spec.dtype == "bool" else {int, float}
    leaves = np.array(raw.values, dtype=object)
    if not set(map(type, leaves.ravel().tolist())) <= good:
        _explain(raw, spec)


def _wide_integers(
    array: npt.NDArray[np.object_], raw: RawInput, spec: InputSpec
) -> npt.NDArray[np.float64]:
    """What numpy left as objects: once all are numbers, some are integers beyond 64 bits."""
    _check_scalars(raw, spec)
    beyond = 2**1000  # of every dtype that a client can send, and still a float64
    return np.asarray(np.clip(array, -beyond, beyond).astype(np.float64))


def _to_float32(array: npt.NDArray[Any], raw: RawInput) -> npt.NDArray[np.float32]:
    with np.errstate(over="ignore"):
        values = array.astype(np.float32)
    if not np.isfinite(values).all():
        place, index = _first(~np.isfinite(values), raw)
        limit = np.finfo(np.float32).max
        raise RequestError(
            "out_of_range",
            f"{place}: expected a float32, from {-limit:.4g} to {limit:.4g}, "
            f"got {array[index]:.6g}",
        )
    return values


def _to_whole(array: npt.NDArray[Any], raw: RawInput, spec: InputSpec) -> npt.NDArray[Any]:
    dtype = np.dtype(spec.dtype)
    if dtype.kind == "b":
        return array
    limits = np.iinfo(dtype)
    if array.dtype.kind == "f":
        _refuse_fractions(array, raw, spec)
    if array.dtype.kind == "f" and dtype.itemsize == 8:
        # A float64 rounds whole numbers beyond 2**53: compare and convert what was sent.
        array = np.array(raw.values, dtype=object)
    outside = (array < limits.min) | (array > limits.max)
    if outside.any():
        place, index = _first(outside, raw)
        raise RequestError(
            "out_of_range",
            f"{place}: expected {limits.min} to {limits.max} ({spec.dtype}), got {array[index]}",
        )
    return array.astype(dtype)


def _refuse_fractions(array: npt.NDArray[Any], raw: RawInput, spec: InputSpec) -> None:
    fractional = array != np.rint(array)
    if fractional.any():
        place, index = _first(fractional, raw)
        raise RequestError(
            "wrong_dtype", f"{place}: expected a whole number ({spec.dtype}), got {array[index]}"
        )


def _first(wrong: npt.NDArray[np.bool_], raw: RawInput) -> tuple[str, tuple[int, ...]]:
    index = tuple(int(axis[0]) for axis in np.nonzero(wrong))
    return raw.at(index[0]) + "".join(f"[{i}]" for i in index[1:]), index


def _fits(shape: tuple[int, ...], expected: Shape) -> bool:
    return len(shape) == len(expected) and all(
        got > 0 if want is None else want == got for want, got in zip(expected, shape, strict=True)
    )


def _explain(raw: RawInput, spec: InputSpec) -> NoReturn:
    """Raises for the first thing that is wrong, looking at one value after the other."""
    try:
        _check_values(raw, spec)
    except RecursionError:
        raise RequestError(
            "wrong_shape",
            f"{raw.place.format(0).partition('[')[0]}: expected instances of shape "
            f"{show_shape(spec.instance_shape)}, got lists nested too deeply",
        ) from None
    raise RequestError(
        "wrong_dtype",
        f"{raw.at(0)}: expected {spec.dtype} values of shape {show_shape(spec.instance_shape)}",
    )


def _check_values(raw: RawInput, spec: InputSpec) -> None:
    _check_scalars(raw, spec)
    first: tuple[int, ...] | None = None
    for index, value in enumerate(raw.values):
        shape = _shape_of(value, raw.at(index))
        if not _fits(shape, spec.instance_shape):
            raise RequestError(
                "wrong_shape",
                f"{raw.at(index)}: expected shape {show_shape(spec.instance_shape)}, "
                f"got {show_shape(shape)}{_shape_advice(shape, spec.instance_shape)}",
            )
        if first is not None and shape != first:
            raise RequestError(
                "wrong_shape",
                f"{raw.at(index)}: expected shape {show_shape(first)} like the instances before "
                f"it, got {show_shape(shape)}; send different shapes in different requests",
            )
        first = shape


def _check_scalars(raw: RawInput, spec: InputSpec) -> None:
    for index, value in enumerate(raw.values):
        _check_scalar(value, spec, raw.at(index))


def _check_scalar(value: object, spec: InputSpec, place: str) -> None:
    if isinstance(value, list):
        for index, item in enumerate(value):
            _check_scalar(item, spec, f"{place}[{index}]")
        return
    if spec.dtype == "bool":
        good, expected = isinstance(value, bool), "true or false"
    else:
        good = isinstance(value, (int, float)) and not isinstance(value, bool)
        expected = f"a number ({spec.dtype})"
    if not good:
        raise RequestError("wrong_dtype", f"{place}: expected {expected}, got {_show(value)}")


def _shape_of(value: object, place: str) -> tuple[int, ...]:
    if not isinstance(value, list):
        return ()
    shapes = [_shape_of(item, f"{place}[{index}]") for index, item in enumerate(value)]
    for index, shape in enumerate(shapes):
        if shape != shapes[0]:
            raise RequestError(
                "ragged",
                f"{place}[{index}]: expected shape {show_shape(shapes[0])} like its neighbours, "
                f"got {show_shape(shape)}; lists within one instance must have equal lengths",
            )
    return (len(value), *(shapes[0] if shapes else ()))


def _shape_advice(shape: tuple[int, ...], expected: Shape) -> str:
    if _fits(shape, expected[1:]):
        return "; is this one instance? wrap it in a list: instances is a list of instances"
    if _fits((*shape, 1), expected):
        return "; wrap each number in a list, for the last axis"
    if None not in expected and math.prod(shape) == math.prod(size or 1 for size in expected):
        return "; the count of numbers is right, the nesting is not"
    return ""


def show_shape(shape: Shape) -> str:
    """A shape as messages show it: ``[8, 8, 1]``, with ``any`` for an open axis."""
    return "[" + ", ".join("any" if size is None else str(size) for size in shape) + "]"


def _show(value: object) -> str:
    if isinstance(value, str):
        return f'"{value[:40]}…"' if len(value) > 40 else f'"{value}"'
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, bool):
        return str(value).lower()
    return "null" if value is None else str(value)
