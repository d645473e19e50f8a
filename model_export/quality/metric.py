"""The type of a metric, and building blocks of metrics.

An answer of NaN is a bad answer, never an error and never a result: it is right for no class, its
loss is infinite, and it ranks below every number.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from tflite_serving.contract.tensors import Task

Array = npt.NDArray[Any]
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

Reweighted = Callable[[npt.NDArray[np.uint8]], Floats]
"""From weights, [examples, resamples], to the metric of each resample, NaN where it has none.

A weight says how often an example occurs in a resample.
"""

SMALLEST_SCORE = 1e-7
"""What log_loss takes a score of 0 for: the same as Keras's cross-entropy, or it were infinite."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """One figure for how good scores are.

    Attributes:
        name: as in the recipe.
        lower_is_better: what the figure means.
        task: that it is for.
        compute: (scores, targets) to the figure; never NaN.
        right: (scores, targets) to [examples] bool, where the figure is the fraction of them.
        reweighted: (scores, targets) to the figure of many resamples at once; None where only
            `compute` knows, once per resample.
        per_class: whether `reweighted` goes through the examples once per class, and is that slow.
        thresholds: of the output, as `OutputSpec.thresholds`: what counts as an answer.
    """

    name: str
    lower_is_better: bool
    task: Task
    compute: Callable[[Array, Array], float]
    right: Callable[[Array, Array], Bools] | None = None
    reweighted: Callable[[Array, Array], Reweighted] | None = None
    per_class: bool = False
    thresholds: tuple[float, ...] | None = None


def fraction(name: str, task: Task, right: Callable[[Array, Array], Bools]) -> Metric:
    """A metric that is the fraction of right answers."""
    return Metric(
        name=name,
        lower_is_better=False,
        task=task,
        compute=lambda scores, targets: float(np.mean(right(scores, targets))),
        right=right,
    )


def mean_loss(
    name: str,
    task: Task,
    losses: Callable[[Array, Array], Floats],
    unit: Callable[[Any], Any] = lambda mean: mean,
) -> Metric:
    """A metric that is the mean of a loss over the examples, in some unit."""

    def reweighted(scores: Array, targets: Array) -> Reweighted:
        each = losses(scores, targets)
        endless = np.isinf(each)
        # Infinity times a weight of 0 would be NaN.
        each[endless] = 0

        def values(weights: npt.NDArray[np.uint8]) -> Floats:
            # einsum, because a matrix product would copy the bytes to floats first.
            means = np.einsum("i,ij->j", each, weights) / weights.sum(axis=0)
            return np.asarray(unit(np.where(weights[endless].any(axis=0), np.inf, means)))

        return values

    return Metric(
        name=name,
        lower_is_better=True,
        task=task,
        compute=lambda scores, targets: float(unit(np.mean(losses(scores, targets)))),
        reweighted=reweighted,
    )


def weighted_f1(weights: npt.NDArray[np.uint8], members: Bools, found: Bools) -> Floats:
    """F1 of one class in each resample; NaN where none of its members is in it.

    Args:
        weights: see `Reweighted`.
        members: [examples], which are of the class.
        found: [examples], which are said to be.
    """
    support = weights[members].sum(axis=0)
    hits = weights[members & found].sum(axis=0)
    return ratio(2 * hits, support + weights[found].sum(axis=0), defined=support > 0)


def reweighted_area(members: Bools, ranked: Array) -> Reweighted:
    """The area under one class's ROC curve, from its members' midranks (Mann & Whitney).

    Args:
        members: [examples], which are of the class.
        ranked: [examples], see `ranks`.
    """
    order = np.argsort(ranked)
    below = np.searchsorted(ranked[order], ranked[members], "left")
    up_to = np.searchsorted(ranked[order], ranked[members], "right")

    def values(weights: npt.NDArray[np.uint8]) -> Floats:
        summed = np.zeros((len(ranked) + 1, weights.shape[1]), dtype=np.int32)
        np.cumsum(weights[order], axis=0, out=summed[1:])
        own = weights[members].astype(np.float64)
        won = np.sum(own * (summed[below] + summed[up_to]), axis=0) / 2
        total = own.sum(axis=0)
        pairs = total * (summed[-1] - total)
        # Among themselves, members win half of all pairs: these are no part of the area.
        return ratio(won - total**2 / 2, pairs, defined=pairs > 0)

    return values


def ranks(column: Array) -> Array:
    """[examples]: the place of each score among the different ones; NaN is below every number."""
    return np.unique(np.where(np.isnan(column), -np.inf, column), return_inverse=True)[1]


def ratio(upper: Array, lower: Array, defined: Bools) -> Floats:
    """The quotient, NaN where it is not defined."""
    found = np.full(lower.shape, np.nan)
    np.divide(upper, lower, out=found, where=defined)
    return found


def mean_where_defined(rows: Sequence[Floats]) -> Floats:
    """The mean of several figures of each resample, of those that are no NaN."""
    # nanmean would warn where nothing is defined.
    values = np.stack(rows)
    defined = ~np.isnan(values)
    count = defined.sum(axis=0)
    return ratio(np.where(defined, values, 0).sum(axis=0), count, defined=count > 0)
