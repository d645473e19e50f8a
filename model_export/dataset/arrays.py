"""Converts arrays, dicts, data frames or a `tf.data.Dataset` of examples to arrays by name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from model_export.dataset.missing import mark_missing
from model_export.dataset.object_arrays import as_objects
from model_export.dataset.splits import UNNAMED
from model_export.dataset.tf_data import concatenate, is_dataset
from model_export.errors import UsageError

Array = npt.NDArray[Any]


def read_arrays(pair: Any, where: str) -> tuple[Mapping[str, Array], Mapping[str, Array]]:
    """One split's inputs and answers, each by name.

    Args:
        pair: (x, y), or a `tf.data.Dataset` of these; each is an array or holds some by name: a
            dict, and of inputs also a structured array or a data frame.
        where: it comes from, for complaints.

    Raises:
        UsageError: it is something else.
    """
    if is_dataset(pair):
        pair = concatenate(pair, where)
    if not isinstance(pair, tuple) or len(pair) != 2:
        raise UsageError(f"{where}: expected (x, y), got {type(pair).__name__}")
    x, y = pair
    inputs = {
        name: _array(array, f"{where}: {name}".rstrip(": "), may_miss=True)
        for name, array in _columns(x)
    }
    asked = y.items() if isinstance(y, Mapping) else [(UNNAMED, y)]
    answers = {
        name: _array(array, f"{where}: answers" + (f" of {name}" if name else ""))
        for name, array in asked
    }
    if not inputs or not answers:
        raise UsageError(f"{where}: expected at least one array of inputs and one of answers")
    return inputs, answers


def _columns(x: Any) -> Iterable[tuple[str, Any]]:
    """What a source gives by name: a dict, a structured array, or a data frame's columns."""
    if isinstance(x, Mapping):
        return x.items()
    names = x.dtype.names if isinstance(x, np.ndarray) else getattr(x, "columns", None)
    return [(UNNAMED, x)] if names is None else [(str(name), x[name]) for name in names]


def _array(values: Any, where: str, *, may_miss: bool = False) -> Array:
    try:
        array = np.asarray(values)
    except ValueError as error:
        if not all(isinstance(value, np.ndarray) for value in values):
            differ = "inhomogeneous" in str(error)  # in numpy's words
            got = "rows of different lengths" if differ else str(error)
            raise UsageError(f"{where}: expected an array, got {got}") from None
        array = as_objects(values)  # of pictures of different sizes
    if array.dtype.kind == "U" and not isinstance(values, np.ndarray):
        # Of a list, numpy makes the strings "nan" and "None" of what is missing among others.
        objects = np.asarray(values, dtype=object)
        array = array if all(isinstance(value, str) for value in objects.flat) else objects
    if array.dtype == object and all(isinstance(value, Path) for value in array.flat):
        array = array.astype(np.str_).astype(object)
    are_pictures = array.dtype == object and all(isinstance(v, np.ndarray) for v in array.flat)
    if may_miss and array.dtype == object and not are_pictures:
        try:
            array = mark_missing(array)
        except ValueError as error:
            raise UsageError(f"{where}: expected {error}; fill them in before") from None
    is_text = array.dtype == object and all(
        isinstance(value, str) or (may_miss and value is None) for value in array.flat
    )
    if array.ndim == 0 or (array.dtype == object and not (is_text or are_pictures)):
        raise UsageError(
            f"{where}: expected an array with one row an example, got {_told(array, may_miss)}"
        )
    return array


def _told(array: Array, is_input: bool) -> str:  # noqa: FBT001
    if array.ndim == 0:
        return "a single value"
    if is_input and any(isinstance(value, Mapping) for value in array.flat):
        return 'dicts; give each column once, by name: {"age": [41, …], "job": ["cook", …]}'
    return "Python objects"
