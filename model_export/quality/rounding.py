"""Which differences between two computations of one model are due to float32's rounding.

Two programs that compute the same model add in another order and use other kernels. A rounding is
2**-24 of a value, and a net of many layers collects some hundred of them. How much of that reaches
the output, only the model itself can tell: one that subtracts large numbers, or decides between
two, magnifies it. So a difference that is larger than `ROUNDING` is compared with what the Keras
model's own output does when its weights and inputs are disturbed as little.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from tflite_serving.contract.tensors import Arrays

ROUNDING = 2.0**-16
"""Of a value's scale: a difference of this needs no other explanation."""

DISTURBANCE = 2.0**-18
"""Relative, of what a model is disturbed by: 64 roundings of float32."""

_MARGIN = 4
"""How many times a disturbance's effect is still rounding: kernels differ in every layer."""

_SMALLEST = 1e-30
_ROWS = 256

Array = npt.NDArray[Any]


def scales(expected: Array, *, is_score: bool) -> Array:
    """What a rounding of each value is a part of.

    Args:
        expected: [examples, …], what the Keras model gives.
        is_score: whether the values are scores from 0 to 1.

    Returns:
        broadcasts against `expected`, float64: 1 for scores; else the value's size, or the median
        size of this value over all examples where that is larger.
    """
    if is_score:
        return np.ones(1)
    size = np.abs(expected.astype(np.float64))
    finite = np.isfinite(size)
    typical = np.median(np.where(finite, size, 0), axis=0)
    return np.asarray(np.maximum(np.maximum(np.where(finite, size, 0), typical), _SMALLEST))


def excess(expected: Array, found: Array, allowed: Array) -> Array:
    """How often each difference has room in what is allowed; more than 1 is too large.

    Args:
        expected: [examples, …]; where it is not finite, anything will do.
        found: the same shape.
        allowed: broadcasts against them.

    Returns:
        the same shape, float64; infinite where only `found` is not finite.
    """
    with np.errstate(invalid="ignore", over="ignore"):
        ratio = np.abs(found.astype(np.float64) - expected.astype(np.float64)) / allowed
    ratio[~np.isfinite(expected)] = 0
    return np.nan_to_num(ratio, nan=np.inf, posinf=np.inf)


def worst_rows(expected: Array, found: Array, scale: Array) -> npt.NDArray[np.float64]:
    """[examples]: the largest `excess` of each over `ROUNDING`.

    Args:
        expected, found: [examples, …].
        scale: see `scales`.
    """
    allowed = np.broadcast_to(ROUNDING * scale, expected.shape)
    # In pieces: outputs may be pictures, and float64 takes twice their memory.
    pieces = [
        excess(expected[at : at + _ROWS], found[at : at + _ROWS], allowed[at : at + _ROWS])
        for at in range(0, len(expected), _ROWS)
    ]
    return np.concatenate([piece.reshape(len(piece), -1).max(axis=1) for piece in pieces])


def noise(expected: Array, disturbed: Sequence[Array]) -> Array:
    """[examples, …], float64: what rounding may change, by what disturbances did change.

    Args:
        expected: [examples, …], the Keras model's output.
        disturbed: the same of disturbed models; where one is not finite, the noise is infinite.
    """
    with np.errstate(invalid="ignore", over="ignore"):
        changes = [np.abs(each.astype(np.float64) - expected) for each in disturbed]
    return np.asarray(_MARGIN * np.nan_to_num(np.max(changes, axis=0), nan=np.inf, posinf=np.inf))


def disturb(inputs: Arrays, seed: int) -> dict[str, Array]:
    """The inputs with every fraction off by up to `DISTURBANCE`; whole numbers are exact.

    Args:
        inputs: by name, [examples, …].
        seed: which of many disturbances.
    """
    rng = np.random.default_rng(seed)
    found = dict(inputs)
    for name, values in inputs.items():
        if values.dtype.kind == "f":
            off = rng.uniform(-DISTURBANCE, DISTURBANCE, values.shape)
            found[name] = np.where(values == np.rint(values), values, values * (1 + off)).astype(
                values.dtype
            )
    return found
