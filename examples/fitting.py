"""Trains the model of an example, and saves it."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy.typing as npt

Split = tuple[Any, npt.NDArray[Any]]
_LARGEST = 10_000


class Train(Protocol):
    """Trains an example."""

    def __call__(self, path: Path, epochs: int | None = None, verbose: int = 1) -> None:
        """Trains and saves the model, whole or not at all.

        Args:
            path: of the ``.keras`` file; its folder is made.
            epochs: passes over the training split; None for as many as the example takes.
            verbose: Keras's own: 1 shows a progress bar.
        """


def trainer(
    splits: Callable[[], Mapping[str, Split]],
    build: Callable[[Any], Any],
    *,
    epochs: int,
    batch_size: int,
) -> Train:
    """What trains an example.

    Args:
        splits: its examples.
        build: makes the compiled model from the inputs of the training split.
        epochs: passes over the training split.
        batch_size: examples in a step.
    """
    usual = epochs

    def train(path: Path, epochs: int | None = None, verbose: int = 1) -> None:
        data = splits()
        model = build(data["train"][0])
        epochs = usual if epochs is None else epochs
        fit_and_save(model, data, path, epochs=epochs, batch_size=batch_size, verbose=verbose)

    return train


def train_as_script(train: Train, script: str) -> None:
    """Trains into the file that the command line names; by default, one beside the script."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    here = Path(script).resolve().parent
    train(Path(sys.argv[1]) if len(sys.argv) > 1 else here / f"{here.name}.keras")


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
