"""Default values for the missing values of a record: omitted, null or NaN."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from tflite_serving.contract.record import Value
from tflite_serving.contract.tensors import InputSpec


def default_of(spec: InputSpec) -> Value | None:
    """Default of a record input of one value; None if the value is required."""
    record = spec.preprocess.record
    return None if record is None else record.missing


def fill(values: list[object], spec: InputSpec) -> list[object]:
    """Replaces nulls in a batch with their defaults.

    Args:
        values: Values of the input, one item per instance, unvalidated.
        spec: Input, as clients see it.
    """
    record = spec.preprocess.record
    if record is None:
        return values
    if not record.columns:
        default = record.missing
        return values if default is None else [default if v is None else v for v in values]
    defaults = [column.missing for column in record.columns]
    if not any(default is not None for default in defaults):
        return values
    return [
        [default if v is None else v for v, default in zip(row, defaults, strict=True)]
        if isinstance(row, list) and None in row and len(row) == len(defaults)
        else row
        for row in values
    ]


def fill_nan(values: npt.NDArray[Any], spec: InputSpec) -> npt.NDArray[Any]:
    """Replaces NaN in a batch of numbers with the defaults.

    Args:
        values: Values of the input, [batch] or [batch, columns].
        spec: Input, as clients see it.
    """
    record = spec.preprocess.record
    if record is None or values.dtype.kind != "f":
        return values
    missing = np.isnan(values)
    if not missing.any():
        return values
    stands = [column.missing for column in record.columns] or [record.missing]
    defaults = np.array([np.nan if value is None else value for value in stands], values.dtype)
    return np.where(missing, defaults if record.columns else defaults[0], values)


def missing_value_hint(spec: InputSpec, name: str) -> str:
    """Hint for a missing value, for the end of a message; "" if there is none.

    Args:
        spec: Input that lacks the value, or one of its columns.
        name: Name of the missing value.
    """
    if spec.preprocess.kind != "record":
        return ""
    return f"; what may be missing, the model's recipe says: inputs.{name}.missing"
