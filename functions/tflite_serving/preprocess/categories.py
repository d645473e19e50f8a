"""Keras's Discretization, CategoryEncoding and Concatenate layers, in NumPy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from tflite_serving.contract import categories
from tflite_serving.preprocess.operation import StepOutput
from tflite_serving.preprocess.row_encoding import encode


class Discretization:
    """Puts numbers into bins.

    Args:
        discretization: what the layer does.
    """

    def __init__(self, discretization: categories.Discretization) -> None:
        self._encoding = discretization.encoding
        self._edges = np.array(discretization.edges, np.float32)

    def run(self, values: Sequence[npt.NDArray[Any]]) -> StepOutput:
        """The bins of a batch, [batch, …] of numbers, as `encoding.encode` makes them."""
        (array,) = values
        rows = array.reshape(len(array), -1).astype(np.float32, copy=False)
        bins = np.searchsorted(self._edges, rows, side="right")
        return StepOutput((encode(bins, self._encoding, len(self._edges) + 1),))


class CategoryEncoding:
    """Makes rows of numbers of indices.

    Args:
        encoding: what the layer does.
    """

    def __init__(self, encoding: categories.CategoryEncoding) -> None:
        self._encoding = encoding

    def run(self, values: Sequence[npt.NDArray[Any]]) -> StepOutput:
        """The rows of a batch, [batch, …] of indices, as `encoding.encode` makes them."""
        (array,) = values
        rows = array.reshape(len(array), -1)
        return StepOutput((encode(rows, self._encoding.encoding, self._encoding.width),))


class Concatenation:
    """Puts the values of several inputs side by side."""

    def run(self, values: Sequence[npt.NDArray[Any]]) -> StepOutput:
        """[batch, …] of each input become [batch, values]."""
        return StepOutput(
            (np.concatenate([each.reshape(len(each), -1) for each in values], axis=1),)
        )
