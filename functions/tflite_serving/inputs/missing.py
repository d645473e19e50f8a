"""Default values for the missing values of a record: omitted, null or NaN."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from tflite_serving.contract.record import Value
from tflite_serving.contract.tensors import InputSpec


def default_of(spec: InputSpec) -> Value | None:
    """What stands for a missing value of an input that is one value; None if it must be there."""
    record = spec.preprocess.record
    return None if record is None else record.missing


def fill(values: list[object], spec: InputSpec) -> list[object]:
    """A batch with something in the place of every null that something stands for.

    Args:
        values: of the input, one item an instance, not yet checked.
        spec: of it.
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
    """The same of numbers that came as such, where NaN is what is missing.

    Args:
        values: [batch] or [batch, columns].
        spec: of the input.
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
    """What to do about a value that is missing, for the end of a message; "" if nothing.

    Args:
        spec: of the input, or of one of its columns.
        name: of what is missing.
    """
    if spec.preprocess.kind != "record":
        return ""
    return f"; what may be missing, the model's recipe says: inputs.{name}.missing"
