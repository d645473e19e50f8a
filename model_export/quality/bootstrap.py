"""The resamples of the bootstrap: the same for every model, so that they can be compared."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from model_export.errors import UsageError
from model_export.quality.metric import Array, Floats, Metric

_RESAMPLES = 2000
_FEWEST_RESAMPLES = 200
_MOST_WORK = 400_000_000
"""Examples × classes × resamples that are ranked within seconds; beyond it, resamples get fewer."""

_AT_ONCE = 1_000_000
"""Weights in memory together: as many as stay near the processor."""


def resampled(metric: Metric, scores: Array, targets: Array) -> Floats:
    """The metric of each resample; NaN where it has none."""
    if metric.reweighted is None:
        return _recomputed(metric, scores, targets)
    work = len(targets) * (scores.shape[-1] if metric.per_class else 1)
    count = min(max(_MOST_WORK // work, _FEWEST_RESAMPLES), _RESAMPLES)
    values = metric.reweighted(scores, targets)
    return np.concatenate([values(weights) for weights in _weights(len(targets), count)])


def _recomputed(metric: Metric, scores: Array, targets: Array) -> Floats:
    """The same with a function that may take long, and may fail where a class is missing.

    Raises:
        UsageError: it fails on half of them: two models may then have none in common.
    """
    found, failure = [], None
    for weights in _weights(len(targets), _FEWEST_RESAMPLES):
        for column in weights.T:
            rows = np.repeat(np.arange(len(targets)), column)
            try:
                found.append(metric.compute(scores[rows], targets[rows]))
            except UsageError as error:
                failure = error
                found.append(math.nan)
    if failure and np.isnan(found).mean() >= 0.5:
        raise UsageError(f"{failure}; so it does on most resamples of the examples")
    return np.array(found)


def _weights(examples: int, resamples: int) -> Iterator[npt.NDArray[np.uint8]]:
    """How often each example is drawn, [examples, resamples] in parts; the same every time."""
    rng = np.random.default_rng(0)
    step = max(1, _AT_ONCE // examples)
    for start in range(0, resamples, step):
        count = min(step, resamples - start)
        drawn = rng.integers(examples, size=(examples, count))
        cells = np.ravel(drawn * count + np.arange(count))
        # A byte is enough: counts of more than 255 would take a luck that there is not.
        yield (
            np.bincount(cells, minlength=examples * count).reshape(examples, count).astype(np.uint8)
        )
