"""Keras's Hashing layer, without TensorFlow: values hashed into bins."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from tflite_serving.contract import categories
from tflite_serving.contract.categories import Salt
from tflite_serving.preprocess.operation import StepOutput
from tflite_serving.preprocess.row_encoding import encode

Fingerprint = Callable[[bytes], int]
"""A hash of 64 bits, without a sign."""


class Hashing:
    """Hashes values into bins: `keras.layers.Hashing`.

    Args:
        hashing: Specification of the layer.
    """

    def __init__(self, hashing: categories.HashingSpec) -> None:
        self._hashing = hashing
        self._fingerprint = fingerprint(hashing.salt)
        masked = hashing.masked
        self._masked = masked.encode() if isinstance(masked, str) else masked
        self._bins = hashing.bins - (masked is not None)

    def run(self, values: Sequence[npt.NDArray[Any]]) -> StepOutput:
        """Bins of a batch.

        Args:
            values: One array, [batch, …] of numbers, whose fractions are cut off, or strings as
                objects.

        Returns:
            Bins, encoded by `row_encoding.encode`.
        """
        (array,) = values
        rows = array.reshape(len(array), -1)
        masked = self._masked
        flat = keys_of(rows)
        bins, of = self._bins, self._fingerprint
        found = np.array([of(key) % bins for key in flat], np.int64).reshape(rows.shape)
        if masked is not None:
            is_masked = (
                np.array([key == masked for key in flat], bool).reshape(rows.shape)
                if isinstance(masked, bytes)
                else rows == masked
            )
            found = np.where(is_masked, 0, found + 1)
        return StepOutput((encode(found, self._hashing.encoding, self._hashing.bins),))


def fingerprint(salt: Salt | None) -> Fingerprint:
    """TensorFlow's hash function for a salt: SipHash-2-4, or FarmHash's Fingerprint64 without one.

    Each comes from a package that only models with such layers import.
    """
    if salt is None:
        import farmhash

        return farmhash.Fingerprint64  # type: ignore[no-any-return]
    from siphash24 import siphash24

    key = struct.pack("<2Q", *salt)
    return lambda data: int.from_bytes(siphash24(data, key=key).digest(), "little")


def keys_of(values: npt.NDArray[Any]) -> list[bytes]:
    """Texts that TensorFlow hashes for values of any shape, flattened.

    Args:
        values: Numbers, or strings as objects.
    """
    flat: Iterable[Any] = values.ravel().tolist()
    if values.dtype.kind == "O":
        return [text.encode() for text in flat]
    if values.dtype.kind == "b":
        return [b"true" if truth else b"false" for truth in flat]
    if values.dtype.kind == "f":
        with np.errstate(invalid="ignore"):  # beyond int64: as the processor has it
            flat = values.ravel().astype(np.int64).tolist()
    return [b"%d" % number for number in flat]
