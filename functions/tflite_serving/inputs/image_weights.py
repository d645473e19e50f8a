"""Interpolation weights for image resizing, along one axis.

These are the weights of TensorFlow's kernels, which `tf.image.resize` and Keras's `Resizing` call,
in float32 as theirs are: another rounding can mean another pixel.
Source: https://github.com/tensorflow/tensorflow/tree/master/tensorflow/core/kernels/image,
resize_bilinear_op.cc, resize_nearest_neighbor_op.cc, resize_bicubic_op.cc, resize_area_op.cc,
scale_and_translate_op.cc and sampling_kernels.h.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from tflite_serving.contract.image import Method

Floats = npt.NDArray[np.float32]
Whole = npt.NDArray[np.int64]
_Kernel = Callable[[Floats], Floats]

_BLOCK = 4
_CUBIC_STEPS = 1024  # between two pixels: TensorFlow looks the cubic up in a table
# A client that sends every picture in another size must not fill the memory; typical ones send a
# handful. Of the largest sides that are kept, one takes 3 MB.
_KEPT = 16
_LONGEST_KEPT = 16_384


@dataclass(frozen=True, slots=True, eq=False)
class Weights:
    """Weights of one interpolation method, from one size to another.

    Attributes:
        indices: Indices of the source pixels of each new pixel, [out, taps].
        weights: Weight of each of these source pixels, [out, taps].
        blocks: The same for blocks of neighbouring new pixels, as dense matrices for a matrix
            product: The first source pixel, and the weights, [new pixels, source pixels].
    """

    indices: Whole
    weights: Floats
    blocks: tuple[tuple[int, Floats], ...]


def weights_of(method: Method, size: int, new_size: int, *, antialias: bool) -> Weights:
    """Computes the weights for one axis.

    Args:
        method: Method of `contract.image.METHODS["keras"]`.
        size: Source size in pixels.
        new_size: New size in pixels.
        antialias: Whether all source pixels contribute to a smaller image.
    """
    make = kept_weights if size <= _LONGEST_KEPT else kept_weights.__wrapped__
    return make(method, size, new_size, antialias=antialias)


@lru_cache(maxsize=_KEPT)
def kept_weights(method: Method, size: int, new_size: int, *, antialias: bool) -> Weights:
    """Weights for one axis, cached for further images of the same size; see `weights_of`."""
    if method == "nearest":
        indices, weights = _nearest(size, new_size)
    elif method == "area":
        indices, weights = _area(size, new_size)
    elif method == "bilinear" and not antialias:
        indices, weights = _bilinear(size, new_size)
    elif method == "bicubic" and not antialias:
        indices, weights = _bicubic(size, new_size)
    else:
        radius, kernel = _KERNELS[method]
        indices, weights = _sampled(size, new_size, radius, kernel, antialias=antialias)
    return Weights(indices, weights, tuple(_blocks(indices, weights)))


def _places(size: int, new_size: int) -> Floats:
    """[out]: where the middles of the new pixels lie, counted from the middle of the first one."""
    return _middles(new_size) * _ratio(size, new_size) - np.float32(0.5)


def _middles(new_size: int) -> Floats:
    return np.arange(new_size, dtype=np.float32) + np.float32(0.5)


def _ratio(size: int, new_size: int) -> np.float32:
    return np.float32(np.float32(size) / np.float32(new_size))


def _nearest(size: int, new_size: int) -> tuple[Whole, Floats]:
    places = np.floor(_middles(new_size) * _ratio(size, new_size)).astype(np.int64)
    return np.minimum(places, size - 1)[:, np.newaxis], np.ones((new_size, 1), np.float32)


def _bilinear(size: int, new_size: int) -> tuple[Whole, Floats]:
    places = _places(size, new_size)
    whole = np.floor(places)
    beyond = (places - whole)[:, np.newaxis]
    lower = np.clip(whole, 0, size - 1).astype(np.int64)
    upper = np.clip(np.ceil(places), 0, size - 1).astype(np.int64)
    return np.stack([lower, upper], axis=1), np.hstack([1 - beyond, beyond])


def _bicubic(size: int, new_size: int) -> tuple[Whole, Floats]:
    places = _places(size, new_size)
    whole = np.floor(places)
    steps = np.rint((places - whole) * np.float32(_CUBIC_STEPS)) / np.float32(_CUBIC_STEPS)
    offsets = np.arange(-1, 3)
    indices = whole.astype(np.int64)[:, np.newaxis] + offsets
    weights = _keys_cubic(np.abs(offsets.astype(np.float32) - steps[:, np.newaxis]))
    # What lies outside of the row has no weight.
    weights *= (indices >= 0) & (indices < size)
    return np.clip(indices, 0, size - 1), weights / weights.sum(axis=1, keepdims=True)


def _area(size: int, new_size: int) -> tuple[Whole, Floats]:
    ratio = _ratio(size, new_size)
    first = np.arange(new_size, dtype=np.float32) * ratio
    last = np.arange(1, new_size + 1, dtype=np.float32) * ratio
    start, end = np.floor(first).astype(np.int64), np.ceil(last).astype(np.int64)
    indices = start[:, np.newaxis] + np.arange(int((end - start).max()))
    edge = indices.astype(np.float32)
    covered = np.minimum(edge + 1, last[:, np.newaxis]) - np.maximum(edge, first[:, np.newaxis])
    weights = np.where(indices < end[:, np.newaxis], covered, np.float32(0)) / ratio
    return np.minimum(indices, size - 1), weights.astype(np.float32)


def _sampled(
    size: int, new_size: int, radius: float, kernel: _Kernel, *, antialias: bool
) -> tuple[Whole, Floats]:
    ratio = np.float32(1 / (np.float32(new_size) / np.float32(size)))
    stretch = np.maximum(ratio, np.float32(1)) if antialias else np.float32(1)
    places = _middles(new_size) * ratio
    reach = np.float32(radius) * stretch
    half = np.float32(0.5)
    start = np.clip(np.ceil(places - reach - half), 0, size - 1).astype(np.int64)
    end = np.clip(np.floor(places + reach - half), 0, size - 1).astype(np.int64) + 1
    indices = start[:, np.newaxis] + np.arange(int((end - start).max()))
    distances = np.abs(indices.astype(np.float32) + half - places[:, np.newaxis])
    weights = kernel(distances * (np.float32(1) / stretch))
    weights = np.where(indices < end[:, np.newaxis], weights, np.float32(0))
    weights = weights / weights.sum(axis=1, keepdims=True)
    return np.minimum(indices, size - 1), weights.astype(np.float32)


def _triangle(x: Floats) -> Floats:
    return np.maximum(np.float32(0), 1 - x)


def _keys_cubic(x: Floats) -> Floats:
    """R. Keys, "Cubic convolution interpolation for digital image processing" (1981)."""
    near = ((1.5 * x - 2.5) * x) * x + 1
    far = ((-0.5 * x + 2.5) * x - 4) * x + 2
    return _piecewise(x, near, far)


def _mitchell_cubic(x: Floats) -> Floats:
    """D. Mitchell, A. Netravali, "Reconstruction filters in computer graphics" (1988)."""
    near = ((7 / 6 * x - 2) * x) * x + 8 / 9
    far = ((-7 / 18 * x + 2) * x - 10 / 3) * x + 16 / 9
    return _piecewise(x, near, far)


def _piecewise(x: Floats, near: Floats, far: Floats) -> Floats:
    return np.where(x < 1, near, np.where(x < 2, far, 0)).astype(np.float32)


def _gaussian(x: Floats) -> Floats:
    sigma = 0.5
    return np.where(x < 1.5, np.exp(-(x**2) / (2 * sigma**2)), 0).astype(np.float32)


def _lanczos(radius: float) -> _Kernel:
    def kernel(x: Floats) -> Floats:
        # NumPy's sinc is sin(πx) / πx, and 1 at 0.
        return np.where(x <= radius, np.sinc(x) * np.sinc(x / radius), 0).astype(np.float32)

    return kernel


_KERNELS: dict[Method, tuple[float, _Kernel]] = {
    "bilinear": (1.0, _triangle),
    "bicubic": (2.0, _keys_cubic),
    "mitchellcubic": (2.0, _mitchell_cubic),
    "gaussian": (1.5, _gaussian),
    "lanczos3": (3.0, _lanczos(3.0)),
    "lanczos5": (5.0, _lanczos(5.0)),
}


def _blocks(indices: Whole, weights: Floats) -> list[tuple[int, Floats]]:
    found = []
    for start in range(0, len(indices), _BLOCK):
        pixels, amounts = indices[start : start + _BLOCK], weights[start : start + _BLOCK]
        low, high = int(pixels.min()), int(pixels.max()) + 1
        matrix: npt.NDArray[Any] = np.zeros((len(pixels), high - low), np.float32)
        # At the row's end several taps may be of one pixel.
        np.add.at(matrix, (np.arange(len(pixels))[:, np.newaxis], pixels - low), amounts)
        found.append((low, matrix))
    return found
