"""Decision rules: predicted class or labels from scores, and whether they are right."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from tflite_serving.runtime.postprocess import answered_classes, answered_labels

Array = npt.NDArray[Any]
Thresholds = Sequence[float] | None
"""As `OutputSpec.thresholds`."""


def answers(scores: Array, thresholds: Thresholds = None) -> npt.NDArray[np.int64]:
    """The class that each row answers, as the function would.

    Args:
        scores: [examples, classes].
        thresholds: one, of two classes; None where the best score decides.

    Returns:
        [examples]; -1, which is no class, where a score is NaN.
    """
    threshold = None if thresholds is None else thresholds[0]
    # Of a NaN, a comparison would make an answer like any other.
    return np.where(np.isnan(scores).any(axis=-1), -1, answered_classes(scores, threshold))


def label_answers(scores: Array, targets: Array, thresholds: Thresholds) -> npt.NDArray[np.bool_]:
    """The labels that each row answers, as the function would.

    Args:
        scores: [examples, labels].
        targets: [examples, labels] bool; an answer of NaN is the opposite, so that it is wrong.
        thresholds: one for each label.

    Returns:
        [examples, labels].
    """
    return np.where(np.isnan(scores), ~targets, answered_labels(scores, thresholds or 0.5))


def right_answers(
    scores: Array, targets: Array, thresholds: Thresholds = None
) -> npt.NDArray[np.bool_]:
    """Which rows answer the right class, or exactly the right labels, [examples]."""
    if targets.ndim == 2:
        return np.asarray((label_answers(scores, targets, thresholds) == targets).all(axis=1))
    return np.asarray(answers(scores, thresholds) == targets)


def same_answers(
    reference: Array,
    published: Array,
    targets: Array,
    thresholds: Thresholds = None,
    reference_thresholds: Thresholds = None,
) -> npt.NDArray[np.bool_]:
    """Which rows of two models' scores answer the same, [examples]; NaN agrees with nothing.

    Args:
        reference, published: [examples, classes].
        targets: [examples] class indices, or [examples, labels] bool.
        thresholds: of the published model.
        reference_thresholds: of the reference; None for the same.
    """
    used = reference_thresholds or thresholds
    if targets.ndim == 2:
        before, after = (
            answered_labels(reference, used or 0.5),
            answered_labels(published, thresholds or 0.5),
        )
        is_number = ~np.isnan(reference) & ~np.isnan(published)
        return np.asarray(((before == after) & is_number).all(axis=1))
    answered = answers(reference, used)
    return np.asarray((answered == answers(published, thresholds)) & (answered >= 0))
