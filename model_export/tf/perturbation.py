"""Perturbs a model's weights by a few float32 roundings, temporarily."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import tensorflow as tf

_BITS = 6
"""Of a mantissa's 24, the last ones: up to 2**-18 of a value, as `rounding.DISTURBANCE`."""


@contextmanager
def disturbed(variables: Iterable[Any], seed: int) -> Iterator[None]:
    """While the context lasts, the last bits of all weights are others.

    No copy of the weights is needed: what was flipped is flipped back, to the last bit.

    Args:
        variables: TensorFlow's; those that are not float32 stay as they are.
        seed: which of many disturbances.
    """
    weights = [variable for variable in variables if variable.dtype == tf.float32]
    _flip(weights, seed)
    try:
        yield
    finally:
        _flip(weights, seed)


def _flip(weights: Iterable[Any], seed: int) -> None:
    rng = np.random.default_rng(seed)
    for variable in weights:
        values = np.asarray(variable.numpy())
        flips = rng.integers(0, 1 << _BITS, values.shape, dtype=np.uint32)
        bits = values.view(np.uint32) ^ np.where(np.isfinite(values), flips, 0).astype(np.uint32)
        variable.assign(bits.view(np.float32))
