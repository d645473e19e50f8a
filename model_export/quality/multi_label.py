"""Metrics of multi-label classification: scores and bool targets are [examples, labels]."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from model_export.errors import UsageError
from model_export.quality.decisions import Thresholds, label_answers, right_answers
from model_export.quality.metric import (
    SMALLEST_SCORE,
    Array,
    Bools,
    Floats,
    Metric,
    Reweighted,
    fraction,
    mean_loss,
    mean_where_defined,
    ranks,
    ratio,
    reweighted_area,
    weighted_f1,
)

_EVERY = np.ones((1, 1), dtype=np.uint8)
"""Weights of the one resample that has every example once."""


def label_metrics(thresholds: Thresholds) -> dict[str, Metric]:
    """The metrics of several labels, by name.

    - "micro_f1": F1 over all labels of all examples together.
    - "macro_f1": mean of F1 over the labels that the targets have.
    - "subset_accuracy": fraction of examples with exactly the right labels.
    - "roc_auc": area under the ROC curve of each label that some examples have and some have not,
      averaged.
    - "log_loss": mean of -ln of the score that the truth has, over all labels; it is at least 1e-7.

    Args:
        thresholds: one for each label; see `OutputSpec`.
    """

    def right(scores: Array, targets: Array) -> Bools:
        return right_answers(scores, targets, thresholds)

    found = (
        _resampled("micro_f1", _micro_f1(thresholds)),
        _resampled("macro_f1", _macro_f1(thresholds), per_class=True),
        fraction("subset_accuracy", "multi_label", right),
        _resampled("roc_auc", _roc_auc, per_class=True),
        mean_loss("log_loss", "multi_label", _log_losses),
    )
    return {metric.name: metric for metric in found}


def _resampled(
    name: str, reweighted: Callable[[Array, Array], Reweighted], *, per_class: bool = False
) -> Metric:
    def compute(scores: Array, targets: Array) -> float:
        values = reweighted(scores, targets)
        return float(values(np.repeat(_EVERY, len(targets), axis=0))[0])

    return Metric(
        name=name,
        lower_is_better=False,
        task="multi_label",
        compute=compute,
        reweighted=reweighted,
        per_class=per_class,
    )


def _micro_f1(thresholds: Thresholds) -> Callable[[Array, Array], Reweighted]:
    def reweighted(scores: Array, targets: Array) -> Reweighted:
        _present(targets)
        found = label_answers(scores, targets, thresholds)
        hits = (found & targets).sum(axis=1)
        total = found.sum(axis=1) + targets.sum(axis=1)

        def values(weights: npt.NDArray[np.uint8]) -> Floats:
            # einsum, because a matrix product would copy the bytes to integers first.
            lower = np.einsum("i,ij->j", total, weights)
            return ratio(2 * np.einsum("i,ij->j", hits, weights), lower, defined=lower > 0)

        return values

    return reweighted


def _macro_f1(thresholds: Thresholds) -> Callable[[Array, Array], Reweighted]:
    def reweighted(scores: Array, targets: Array) -> Reweighted:
        found = label_answers(scores, targets, thresholds)
        labels = [(targets[:, index], found[:, index]) for index in _present(targets)]
        return lambda weights: mean_where_defined(
            [weighted_f1(weights, members, said) for members, said in labels]
        )

    return reweighted


def _roc_auc(scores: Array, targets: Array) -> Reweighted:
    mixed = [index for index in _present(targets) if not targets[:, index].all()]
    if not mixed:
        raise UsageError("gate.metric: 'roc_auc': expected a label that only some examples have")
    areas = [reweighted_area(targets[:, index], ranks(scores[:, index])) for index in mixed]
    return lambda weights: mean_where_defined([area(weights) for area in areas])


def _log_losses(scores: Array, targets: Array) -> Floats:
    scores = scores.astype(np.float64)
    own = np.where(targets, scores, 1 - scores)
    finite = np.isfinite(own)
    losses = -np.log(np.clip(np.where(finite, own, 1), SMALLEST_SCORE, 1)).mean(axis=1)
    return np.where(finite.all(axis=1), losses, np.inf)


def _present(targets: Array) -> list[int]:
    """The labels that some example has."""
    found: list[int] = np.flatnonzero(targets.any(axis=0)).tolist()
    if not found:
        raise UsageError("gate.metric: expected examples with labels, and none of them has any")
    return found
