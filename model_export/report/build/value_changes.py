"""Changes of a regression's predicted values by compression."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from model_export.quantization.candidate import finite
from model_export.report.build.changed import relative_moves
from model_export.report.document.output import ValueChange, Values

_MOST_MOVED, _OTHERS = 20, 280
"""Points of the plot."""

Array = npt.NDArray[Any]


def value_changes(reference: Array, published: Array, targets: Array) -> Values:
    """The values of one output.

    Args:
        reference, published: what both models answer, [examples, values].
        targets: the right answers, in the same shape.
    """
    before, after, truth = (each.astype(np.float64) for each in (reference, published, targets))
    moves = relative_moves(before, after, truth)
    plotted = int(moves.max(axis=0).argmax())
    rows = _some_rows(moves[:, plotted])
    points = np.stack([truth, before, after], axis=-1)[rows, plotted]
    return Values(
        changes=tuple(
            _change(index, before[:, index], after[:, index], truth[:, index])
            for index in range(truth.shape[1])
        ),
        plotted=plotted,
        points=tuple(_point(point) for point in points if np.isfinite(point).all()),
    )


def _some_rows(moves: Array) -> Array:
    """Those that moved most, and of all others every so many-th."""
    order = np.argsort(-moves, kind="stable")
    most, others = order[:_MOST_MOVED], np.sort(order[_MOST_MOVED:])
    step = max(1, -(-len(others) // _OTHERS))
    return np.sort(np.concatenate([most, others[::step]]))


def _change(index: int, before: Array, after: Array, truth: Array) -> ValueChange:
    def error(answers: Array) -> float:
        return _finite(np.abs(answers - truth).mean())

    return ValueChange(
        index=index,
        deviation=float(truth.std()),
        reference_error=error(before),
        published_error=error(after),
        reference_bias=_finite((before - truth).mean()),
        published_bias=_finite((after - truth).mean()),
        moved=_finite(np.abs(after - before).max()),
    )


def _finite(value: float) -> float:
    return finite(float(np.nan_to_num(value, nan=np.inf)))


def _point(point: Array) -> tuple[float, float, float]:
    # As many digits as a plot has room for, and more.
    truth, before, after = (float(f"{value:.6g}") for value in point)
    return truth, before, after
