"""Marks missing values in arrays of examples: NaN among numbers, None among all else."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from model_export.dataset.object_arrays import as_objects

Array = npt.NDArray[Any]


def mark_missing(array: Array) -> Array:
    """Strings with None, or numbers with NaN, where objects stand for what is missing.

    Raises:
        ValueError: a whole number is too large to stand beside NaN.
    """
    flat = [None if _is_missing(value) else value for value in array.flat]
    there = [value for value in flat if value is not None]
    if there and all(isinstance(value, (bool, int, float, np.number)) for value in there):
        kinds = np.array(there)
        if len(there) == len(flat):
            return kinds.reshape(array.shape)
        rounded = next((value for value in there if float(value) != value), None)
        if rounded is not None:
            raise ValueError(f"whole numbers to 2**53 beside missing ones, got {rounded}")
        return np.array(flat, np.float64).reshape(array.shape)
    return as_objects(flat).reshape(array.shape)


def _is_missing(value: Any) -> bool:
    # Data frames have objects of their own for it.
    is_nan = isinstance(value, float) and value != value  # noqa: PLR0124
    return value is None or is_nan or type(value).__name__ in ("NAType", "NaTType")


def with_gaps(values: Array, missing: Array | None) -> Array:
    """The same values without those that are missing: NaN, or None among objects.

    Args:
        values: [examples, …].
        missing: in the same shape; None if all are there.
    """
    if missing is None:
        return values
    if values.dtype.kind == "f":
        return np.where(missing, np.nan, values)
    found = values.astype(object)
    found[missing] = None
    return found
