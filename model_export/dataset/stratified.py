"""Stratified order of examples: the classes in turn, so that any prefix is balanced."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def classes_in_turn(
    classes: npt.NDArray[np.int64], order: npt.NDArray[np.int64]
) -> npt.NDArray[np.int64]:
    """All rows: the first example of each class, then the second of each, and so on.

    Args:
        classes: [examples].
        order: [examples], the rows in the order that says which example of a class is the first.
    """
    # Not class by class: of several labels, there may be as many combinations as examples.
    grouped = order[np.argsort(classes[order], kind="stable")]
    groups = classes[grouped]
    rank = np.empty(len(classes), dtype=np.int64)
    rank[grouped] = np.arange(len(groups)) - np.searchsorted(groups, groups, "left")
    return np.argsort(rank, kind="stable")
