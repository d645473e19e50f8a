"""Which examples train a model, which validate it, and which test it."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.model_selection import train_test_split


def three_ways(labels: npt.NDArray[Any]) -> dict[str, npt.NDArray[np.int64]]:
    """The rows of each split, every class alike: six tenths to train, one to validate.

    Args:
        labels: [examples], the class of each.
    """
    train, rest = train_test_split(
        np.arange(len(labels)), test_size=0.4, stratify=labels, random_state=0
    )
    validation, test = train_test_split(rest, test_size=0.75, stratify=labels[rest], random_state=0)
    return {"train": train, "validation": validation, "test": test}
