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
    """Assigns numbers to bins: `keras.layers.Discretization`.

    Args:
        discretization: Specification of the layer.
    """

    def __init__(self, discretization: categories.Discretization) -> None:
        self._encoding = discretization.encoding
        self._edges = np.array(discretization.edges, np.float32)

    def run(self, values: Sequence[npt.NDArray[Any]]) -> StepOutput:
        """Bins of a batch of numbers, [batch, …], encoded by `row_encoding.encode`."""
        (array,) = values
        rows = array.reshape(len(array), -1).astype(np.float32, copy=False)
        bins = np.searchsorted(self._edges, rows, side="right")
        return StepOutput((encode(bins, self._encoding, len(self._edges) + 1),))


class CategoryEncoding:
    """Encodes indices as vectors: `keras.layers.CategoryEncoding`.

    Args:
        encoding: Specification of the layer.
    """

    def __init__(self, encoding: categories.CategoryEncoding) -> None:
        self._encoding = encoding

    def run(self, values: Sequence[npt.NDArray[Any]]) -> StepOutput:
        """Vectors of a batch of indices, [batch, …], encoded by `row_encoding.encode`."""
        (array,) = values
        rows = array.reshape(len(array), -1)
        return StepOutput((encode(rows, self._encoding.encoding, self._encoding.width),))


class Concatenation:
    """Concatenates several inputs: `keras.layers.Concatenate`."""

    def run(self, values: Sequence[npt.NDArray[Any]]) -> StepOutput:
        """Concatenates arrays, [batch, …] each, to [batch, values]."""
        return StepOutput(
            (np.concatenate([each.reshape(len(each), -1) for each in values], axis=1),)
        )
