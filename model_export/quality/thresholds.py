"""Decision thresholds of a score: the best one, and the quality at each one.

With few examples several thresholds are equally good, and 0.5 is what everybody expects: of those
that are best, the one nearest to it is taken. It lies between two scores that occur, so that a
quantized model, whose scores move a little, answers as before.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from model_export.quality.metric import Metric
from model_export.signature.outputs import DEFAULT_THRESHOLD

Array = npt.NDArray[Any]
Quality = Callable[[Array, Array, Array, Array], Array]
"""From hits, false alarms, misses and right rejections, [thresholds] each, to the quality."""

_SAME = 1e-12
_STEPS = 100
"""Of the curve, from 0 to 1."""


def best_threshold(scores: Array, positive: npt.NDArray[np.bool_], quality: Quality) -> float:
    """Of the thresholds with the best quality, the one nearest to 0.5.

    Examples that are all positive, or all negative, tell nothing; then it is 0.5.

    Args:
        scores: [examples], 0 to 1; those of NaN count as 0.
        positive: [examples], the truth.
        quality: of many thresholds.
    """
    if positive.all() or not positive.any():
        return DEFAULT_THRESHOLD
    clean = np.nan_to_num(scores, nan=0.0)
    edges = np.unique(np.concatenate([[0.0], np.clip(clean, 0, 1), [1.0]]).astype(np.float64))
    between = np.append((edges[:-1] + edges[1:]) / 2, DEFAULT_THRESHOLD)
    both = np.concatenate([between, edges])
    values, at_edges = np.split(quality(*_outcomes(scores, positive, both)), [len(between)])
    if at_edges.max() > values.max() + _SAME:
        # There is nothing below 0, and nothing between two floats that are neighbors.
        return float(edges[_nearest(edges, at_edges)])
    nearest = _nearest(between, values)
    if between[nearest] == DEFAULT_THRESHOLD:
        return DEFAULT_THRESHOLD
    return _short(float(edges[nearest]), float(edges[nearest + 1]))


def threshold_curve(
    metric: Metric, reference_scores: Array, published_scores: Array, targets: Array
) -> ThresholdCurve:
    """What each threshold of a single score would come to.

    Args:
        metric: of the output.
        reference_scores, published_scores: [examples, 2]; those of NaN count as 0.
        targets: [examples] class indices.
    """
    name, quality = quality_of(metric)
    at = np.linspace(0, 1, _STEPS + 1)
    before, after = (
        _outcomes(scores[:, 1], targets == 1, at) for scores in (reference_scores, published_scores)
    )
    hits, alarms, misses, _ = after
    rows = zip(at, quality(*before), quality(*after), hits, alarms, misses, strict=True)
    return ThresholdCurve(
        metric=name,
        points=tuple(
            ThresholdPoint(
                threshold=round(float(threshold), 6),
                reference=float(reference),
                published=float(published),
                precision=float(hit / (hit + alarm)) if hit + alarm else None,
                recall=float(hit / max(hit + miss, 1)),
            )
            for threshold, reference, published, hit, alarm, miss in rows
        ),
    )


def quality_of(metric: Metric) -> tuple[str, Quality]:
    """What decides for a single score, and what it is called: macro F1, or else accuracy."""
    return ("macro_f1", macro_f1) if metric.name == "macro_f1" else ("accuracy", accuracy)


def reached(scores: Array, threshold: float) -> npt.NDArray[np.bool_]:
    """Which scores mean yes at a threshold, as the function compares them; NaN never does."""
    return np.asarray(scores >= np.asarray(threshold, scores.dtype))


def _outcomes(
    scores: Array, positive: npt.NDArray[np.bool_], thresholds: Array
) -> tuple[Array, Array, Array, Array]:
    """Hits, false alarms, misses and right rejections, [thresholds] each."""
    clean = np.nan_to_num(scores, nan=0.0)
    order = np.argsort(clean, kind="stable")
    below = np.searchsorted(clean[order], thresholds.astype(scores.dtype), "left")
    misses = np.concatenate([[0], np.cumsum(positive[order])])[below]
    hits = positive.sum() - misses
    return hits, len(positive) - below - hits, misses, below - misses


def _nearest(thresholds: npt.NDArray[np.float64], values: Array) -> int:
    best = np.flatnonzero(values >= values.max() - _SAME)
    return int(best[np.argmin(np.abs(thresholds[best] - DEFAULT_THRESHOLD))])


def _short(low: float, high: float) -> float:
    """The shortest decimal in the middle third between two numbers, as people like to read it."""
    middle, third = (low + high) / 2, (high - low) / 6
    shorter = (round(middle, digits) for digits in range(1, 12))
    return next((value for value in shorter if abs(value - middle) <= third), middle)


def accuracy(hits: Array, alarms: Array, misses: Array, rejections: Array) -> Array:
    """Fraction of right answers; see `Quality`."""
    return np.asarray((hits + rejections) / (hits + alarms + misses + rejections))


def f1(hits: Array, alarms: Array, misses: Array, _rejections: Array) -> Array:
    """Harmonic mean of precision and recall, 0 where neither is defined; see `Quality`."""
    total = 2 * hits + alarms + misses
    return np.asarray(np.divide(2 * hits, total, out=np.zeros(len(hits)), where=total > 0))


def macro_f1(hits: Array, alarms: Array, misses: Array, rejections: Array) -> Array:
    """Mean of F1 over both classes; see `Quality`."""
    positive = f1(hits, alarms, misses, rejections)
    return np.asarray((positive + f1(rejections, misses, alarms, hits)) / 2)


@dataclass(frozen=True, slots=True, kw_only=True)
class ThresholdPoint:
    """What a threshold would come to on the test split.

    Attributes:
        threshold: from which on a score means the positive class.
        reference, published: the metric that thresholds are chosen by.
        precision, recall: of the positive class, as the published model answers; the precision is
            None where it never answers it.
    """

    threshold: float
    reference: float
    published: float
    precision: float | None
    recall: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ThresholdCurve:
    """What the thresholds from 0 to 1 would come to.

    Attributes:
        metric: that the threshold was chosen by, on the validation split.
        points: by threshold.
    """

    metric: str
    points: tuple[ThresholdPoint, ...]
