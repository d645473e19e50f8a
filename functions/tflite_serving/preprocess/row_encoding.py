"""Encodes indices as integers, or as one-hot, multi-hot or count vectors, as Keras does."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Indices = npt.NDArray[np.int64]


def encode(indices: Indices, encoding: str, width: int) -> npt.NDArray[Any]:
    """Encodes indices as a Keras layer does.

    Args:
        indices: Indices, [instances, values]; those below 0, or of `width` and more, are ignored.
        encoding: Encoding: "int", "one_hot", "multi_hot" or "count".
        width: Width of an encoded vector.

    Returns:
        Encoded indices, [instances, values] int64 for "int", [instances, values, width] float32 for
        "one_hot", else [instances, width] float32.
    """
    if encoding == "int":
        return indices
    if encoding == "one_hot":
        is_there = np.equal(indices[..., np.newaxis], np.arange(width))
        return np.asarray(is_there, np.float32)
    instances, values = indices.shape
    if values == 1:  # which is there once, or not at all
        return np.asarray(np.equal(indices, np.arange(width)), np.float32)
    counts = count(indices.ravel(), np.repeat(np.arange(instances), values), instances, width)
    return np.minimum(counts, 1) if encoding == "multi_hot" else counts


def count(
    indices: Indices,
    rows: npt.NDArray[np.intp],
    instances: int,
    width: int,
    times: Indices | None = None,
) -> npt.NDArray[np.float32]:
    """Counts of each index in each instance.

    Args:
        indices: Indices of all instances, flattened.
        rows: Instance of each index.
        instances: Number of instances.
        width: Number of different indices.
        times: Weight of each index; None for 1.

    Returns:
        Counts, [instances, width].
    """
    has_place = (indices >= 0) & (indices < width)
    places = rows[has_place] * width + indices[has_place]
    weights = None if times is None else times[has_place]
    counts = np.bincount(places, weights, minlength=instances * width)
    return counts.reshape(instances, width).astype(np.float32)
