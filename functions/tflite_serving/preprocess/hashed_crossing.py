"""Keras's HashedCrossing layer, without TensorFlow: feature crosses hashed into bins."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from tflite_serving.contract import categories
from tflite_serving.preprocess.hashing import fingerprint
from tflite_serving.preprocess.operation import StepOutput
from tflite_serving.preprocess.row_encoding import encode

# tf.sparse.cross_hashed begins with this key, and joins one fingerprint after the other to it:
# tensorflow/core/kernels/sparse_cross_op.cc, and FingerprintCat64 of core/platform/fingerprint.h.
_FIRST = 0xDECAFCAFFE
_FACTOR = 0xC6A4A7935BD1E995
_MASK = 2**64 - 1


class HashedCrossing:
    """Hashes combinations of several inputs into bins: `keras.layers.HashedCrossing`.

    Args:
        crossing: Specification of the layer.
    """

    def __init__(self, crossing: categories.HashedCrossing) -> None:
        self._crossing = crossing
        self._fingerprint = fingerprint(None)

    def run(self, values: Sequence[npt.NDArray[Any]]) -> StepOutput:
        """Bins of a batch.

        Args:
            values: One array per input, one value per instance: whole numbers, or strings as
                objects.

        Returns:
            Bins, [batch, 1] int64; [batch, 1, bins] float32 for "one_hot".
        """
        crossing = self._crossing
        bins = []
        for parts in zip(*map(self._fingerprints, values), strict=True):
            joined = _FIRST
            for part in parts:
                joined = _join(joined, part)
            bins.append(joined % crossing.bins)
        found = np.array(bins, np.int64)[:, np.newaxis]
        return StepOutput((encode(found, crossing.encoding, crossing.bins),))

    def _fingerprints(self, values: npt.NDArray[Any]) -> Iterable[int]:
        flat = values.ravel().tolist()
        if values.dtype.kind == "O":
            return [self._fingerprint(text.encode()) for text in flat]
        return [number & _MASK for number in flat]  # numbers are their own


def _join(first: int, second: int) -> int:
    found = first ^ _FACTOR
    found ^= _shift((second * _FACTOR) & _MASK) * _FACTOR & _MASK
    found = _shift(found * _FACTOR & _MASK) * _FACTOR & _MASK
    return _shift(found)


def _shift(value: int) -> int:
    return value ^ (value >> 47)
