"""Trains a model that is built and compiled, and saves it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy.typing as npt

Split = tuple[Any, npt.NDArray[Any]]
_LARGEST = 10_000


def fit_and_save(
    model: Any,
    splits: Mapping[str, Split],
    path: Path,
    *,
    epochs: int,
    batch_size: int,
    verbose: int,
) -> None:
    """Trains and saves a Keras model; what is at `path` is never half of one.

    Args:
        model: compiled.
        splits: "train" and "validation" of them.
        path: of the ``.keras`` file; its folder is made.
        epochs: passes over the training split.
        batch_size: examples in a step.
        verbose: Keras's own: 1 shows a progress bar.
    """
    if _has_strings(splits["train"][0]):
        import tensorflow as tf

        # Keras takes strings in no other form.
        train, validation = (
            tf.data.Dataset.from_tensor_slices(splits[name]) for name in ("train", "validation")
        )
        model.fit(
            train.shuffle(_LARGEST, seed=0).batch(batch_size),
            validation_data=validation.batch(batch_size),
            epochs=epochs,
            verbose=verbose,
            shuffle=False,  # the dataset does
        )
    else:
        model.fit(
            *splits["train"],
            validation_data=splits["validation"],
            epochs=epochs,
            batch_size=batch_size,
            verbose=verbose,
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}")
    model.save(partial.with_suffix(".keras"))
    partial.replace(path)


def _has_strings(x: Any) -> bool:
    columns = x.values() if isinstance(x, Mapping) else [x]
    return any(column.dtype.kind == "U" for column in columns)
