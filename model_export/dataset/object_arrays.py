"""Converts values to a NumPy array of objects, one for each value."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt


def as_objects(values: Iterable[object]) -> npt.NDArray[Any]:
    """[values] objects, one for each value: numpy itself would look into lists and arrays."""
    each = list(values)
    found = np.empty(len(each), dtype=object)
    for index, value in enumerate(each):
        found[index] = value
    return found
