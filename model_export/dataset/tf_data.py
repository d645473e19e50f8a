"""Concatenates the batches of a `tf.data.Dataset` into arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from model_export.dataset.object_arrays import as_objects
from model_export.errors import UsageError

_INFINITE = -1  # what tf.data.INFINITE_CARDINALITY is


def is_dataset(given: Any) -> bool:
    """Whether something is a `tf.data.Dataset`; whoever has one has imported TensorFlow."""
    return hasattr(given, "element_spec") and hasattr(given, "as_numpy_iterator")


def concatenate(dataset: Any, where: str) -> tuple[Any, Any]:
    """All examples and answers of a dataset: (x, y), each an array, or a dict of some by name.

    Args:
        dataset: of batches (x, y), as `keras.Model.fit` takes it.
        where: it comes from, for complaints.

    Raises:
        UsageError: it gives something else, single examples, nothing, or never ends.
    """
    spec = dataset.element_spec
    if not isinstance(spec, tuple) or len(spec) != 2:
        got = f"{len(spec)} values" if isinstance(spec, tuple) else "no answers"
        raise UsageError(f"{where}: expected a dataset of (x, y), got one of {got}")
    if dataset.cardinality() == _INFINITE:
        raise UsageError(f"{where}: expected a dataset that ends, got one that repeats")
    batches = list(dataset.as_numpy_iterator())
    if not batches:
        raise UsageError(f"{where}: expected at least one batch, got an empty dataset")
    x, y = ([batch[part] for batch in batches] for part in (0, 1))
    return _joined(x, where), _joined(y, where)


def _joined(parts: Sequence[Any], where: str) -> Any:
    if isinstance(parts[0], Mapping):
        return {name: _joined([part[name] for part in parts], where) for name in parts[0]}
    if not all(isinstance(part, np.ndarray) and part.ndim for part in parts):
        raise UsageError(
            f"{where}: expected batches of arrays, or of dicts of these, got "
            f"{type(parts[0]).__name__}; of single examples, .batch(32) makes batches"
        )
    joined = np.concatenate(parts)
    if joined.dtype != object:
        return joined
    if not all(isinstance(value, bytes) for value in joined.flat):
        raise UsageError(f"{where}: expected examples of one shape, got ragged ones")
    try:
        texts = [value.decode() for value in joined.flat]
    except UnicodeDecodeError:
        raise UsageError(f"{where}: expected strings in UTF-8") from None
    return as_objects(texts).reshape(joined.shape)
