"""Parses ``.npy`` request bodies into tensors, without a copy."""

from __future__ import annotations

import io
import math
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from tflite_serving.contract.tensors import InputSpec
from tflite_serving.errors import RequestError
from tflite_serving.inputs.diagnose import fits, shortened, show_shape
from tflite_serving.inputs.raw import Numbers

_LARGEST_HEADER = 4096
_HEADERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}


def read_npy(body: bytes, spec: InputSpec) -> Numbers:
    """Parses the bytes that `numpy.save` writes into a tensor.

    Source: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html

    Args:
        body: Content of the file.
        spec: Input for which the tensor is meant.

    Returns:
        Tensor, [batch, …]; a view of the body.

    Raises:
        RequestError: The body is no such file, holds anything but numbers, is shorter or longer
            than its header says, or has another shape or kind of number than the input.
    """
    # Clients send the same shape again and again, and its literal takes long to parse.
    shape, is_fortran, dtype, start = _header(body[: _header_end(body)])
    count = math.prod(shape)
    size = count * dtype.itemsize
    if len(body) - start != size:
        raise RequestError(
            "malformed_npy",
            f"body: expected {shortened(str(size))} bytes of {dtype.name} for the shape "
            f"{show_shape(shape)}, got {len(body) - start}",
        )
    _check_dtype(dtype, spec)
    if not shape or not fits(shape[1:], spec.instance_shape):
        raise RequestError("wrong_shape", _wrong_shape(shape, spec))
    values: npt.NDArray[Any] = np.frombuffer(body, dtype, count, start)
    values = values.reshape(shape[::-1]).T if is_fortran else values.reshape(shape)
    return Numbers(values, "body[{}]")


def _header_end(body: bytes) -> int:
    """Where the header says that it ends, but not beyond what is read of it."""
    size = 2 if body[6:7] == b"\x01" else 4
    end = 8 + size + int.from_bytes(body[8 : 8 + size], "little")
    return min(end, 2 * _LARGEST_HEADER)


@lru_cache(maxsize=64)
def _header(head: bytes) -> tuple[tuple[int, ...], bool, np.dtype[Any], int]:
    file = io.BytesIO(head)
    try:
        version = np.lib.format.read_magic(file)
        if version not in _HEADERS:
            raise ValueError(f"version {version[0]}.{version[1]} of the format")
        shape, is_fortran, dtype = _HEADERS[version](file, max_header_size=_LARGEST_HEADER)
    except Exception as error:
        # The header is a Python literal, which fails to parse in many ways.
        told = str(error).partition("\n")[0][:200]
        raise RequestError(
            "malformed_npy", f"body: expected an array as numpy.save writes it, got {told}"
        ) from None
    if any(size < 0 for size in shape):
        raise RequestError("malformed_npy", f"body: expected sizes, got {show_shape(shape)}")
    return shape, is_fortran, dtype, file.tell()


def _check_dtype(dtype: np.dtype[Any], spec: InputSpec) -> None:
    if dtype.kind not in ("b" if spec.dtype == "bool" else "iuf"):
        expected = "bool" if spec.dtype == "bool" else "numbers"
        # Not its name: that of a structured type may be as long as the client likes.
        raise RequestError(
            "wrong_dtype", f"body: expected {expected} ({spec.dtype}), got {dtype.str[:20]!r}"
        )


def _wrong_shape(shape: tuple[int, ...], spec: InputSpec) -> str:
    advice = ""
    if fits(shape, spec.instance_shape):
        advice = "; is this one instance? add the axis of the batch: x[np.newaxis]"
    expected = show_shape((None, *spec.instance_shape))
    return f"body: expected shape {expected}, got {show_shape(shape)}{advice}"
