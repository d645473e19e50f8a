"""The examples that the models learn and are judged by, as ``data.source`` of a recipe wants them.

Each function returns ``{"train": (x, y), "validation": (x, y), "test": (x, y)}``, the same at
every call; ``x`` is float32, ``y`` holds class indices.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split

from examples.digits.train import Split
from examples.digits.train import splits as digits
from examples.fashion_mnist import FOLDER, DataMissing
from examples.fashion_mnist import fashion_mnist as read_part

__all__ = ["DataMissing", "breast_cancer", "digits", "fashion_mnist", "noise"]

_VALIDATION = 6_000
_NOISE = {"train": 32, "validation": 8, "test": 16}


def fashion_mnist(folder: Path = FOLDER) -> dict[str, Split]:
    """Zalando's 70,000 pieces of clothing in ten classes, 28×28 gray levels from 0 to 1.

    The test split is the data set's own, so that accuracies compare with published ones.

    Args:
        folder: with the four ``.gz`` files.

    Raises:
        DataMissing: one of the files is not there.
    """
    images, labels = _fashion(folder, "train")
    train, validation = train_test_split(
        np.arange(len(labels)), test_size=_VALIDATION, stratify=labels, random_state=0
    )
    return {
        "train": (images[train], labels[train]),
        "validation": (images[validation], labels[validation]),
        "test": _fashion(folder, "t10k"),
    }


def breast_cancer() -> dict[str, Split]:
    """569 tumours, 30 features each, standardised; class 1 is benign.

    Six tenths to train, one to validate, as in `digits`.
    """
    x, y = load_breast_cancer(return_X_y=True)
    train, rest = train_test_split(np.arange(len(y)), test_size=0.4, stratify=y, random_state=0)
    validation, test = train_test_split(rest, test_size=0.75, stratify=y[rest], random_state=0)
    # The training split's alone: the others are meant to be unseen.
    standard = ((x - x[train].mean(axis=0)) / x[train].std(axis=0)).astype(np.float32)
    labels = y.astype(np.int64)
    return {
        name: (standard[rows], labels[rows])
        for name, rows in (("train", train), ("validation", validation), ("test", test))
    }


def noise() -> dict[str, Split]:
    """A few random color images, [examples, 224, 224, 3], of ten classes: to measure memory by."""
    rng = np.random.default_rng(0)
    return {
        name: (
            rng.random((count, 224, 224, 3), dtype=np.float32),
            np.arange(count, dtype=np.int64) % 10,
        )
        for name, count in _NOISE.items()
    }


def _fashion(folder: Path, part: str) -> Split:
    pixels, labels = read_part(part, folder)
    return (pixels / 255).astype(np.float32), labels
