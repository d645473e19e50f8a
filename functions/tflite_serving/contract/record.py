"""Specification of a record input: named values, and defaults for missing ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from tflite_serving.contract.codec import ContractError, format_json_value

Value = bool | int | float | str
"""One value of a record, as JSON has it."""


@dataclass(frozen=True, slots=True)
class Column:
    """One value of an input of several, which clients send by a name of its own.

    Attributes:
        name: Key by which clients send the value.
        missing: Default for a missing value; see `Record`.
        description: Description for people.
        units: Unit of the value, for people, such as "years".
    """

    name: str
    missing: Value | None = None
    description: str = ""
    units: str = ""

    def __post_init__(self) -> None:
        if not self.name or not self.name.isprintable():
            raise ContractError("name", f"expected a printable name, got {self.name!r}")


@dataclass(frozen=True, slots=True)
class Record:
    """Specification of the names and defaults of an input's values.

    Attributes:
        columns: Columns of an input that is a vector of values; none where the input is one value,
            whose name is the input's.
        missing: Default for a value that a client leaves out, or sends as null; None where it is
            required. Columns have their own.
    """

    columns: tuple[Column, ...] = ()
    missing: Value | None = None

    def __post_init__(self) -> None:
        names = [column.name for column in self.columns]
        if len(set(names)) < len(names):
            twice = next(name for name in names if names.count(name) > 1)
            raise ContractError("columns", f"expected each name once, got {twice!r} twice")
        if self.columns and self.missing is not None:
            raise ContractError("missing", "expected none beside columns, which have their own")

    def check(self, dtype: str, shape: tuple[int | None, ...]) -> None:
        """Raises `ContractError` unless this record fits an input of this dtype and shape."""
        if self.columns:
            if shape[1:] != (len(self.columns),):
                raise ContractError(
                    "preprocess.record.columns",
                    f"expected as many as the shape {list(shape)} has values, "
                    f"got {len(self.columns)}",
                )
        elif len(shape) != 1:
            raise ContractError(
                "preprocess.record.columns", f"expected some for the shape {list(shape)}, got none"
            )
        if dtype == "string" and self.columns:
            raise ContractError("preprocess.record.columns", "expected none of strings")
        for index, column in enumerate(self.columns):
            check_value(column.missing, dtype, f"preprocess.record.columns[{index}].missing")
        check_value(self.missing, dtype, "preprocess.record.missing")


def check_value(value: Value | None, dtype: str, path: str) -> None:
    """Raises `ContractError` unless `value` may be one of an input of `dtype`, or is none."""
    if value is None:
        return
    if dtype in ("string", "bool"):
        good = isinstance(value, str if dtype == "string" else bool)
    elif isinstance(value, (bool, str)):
        good = False
    else:
        good = _fits(value, np.dtype(dtype))
    if not good:
        raise ContractError(path, f"expected a value of {dtype}, got {format_json_value(value)}")


def _fits(value: float, dtype: np.dtype[Any]) -> bool:
    if dtype.kind == "f":
        return abs(value) <= float(np.finfo(np.float32).max)
    limits = np.iinfo(dtype)
    return value == int(value) and limits.min <= value <= limits.max
