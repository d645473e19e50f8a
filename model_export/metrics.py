"""The metrics of quality: those that a recipe can name, and functions that it brings itself.

Classification takes scores as [examples, classes] and targets as [examples] class indices;
regression takes both as [examples, outputs]. An answer of NaN is a bad answer, never an error and
never a result: it is right for no class, its loss is infinite, and it ranks below every number.
"""

from __future__ import annotations

import math
import re
import reprlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from numbers import Real
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from model_export.data import import_object, told
from model_export.errors import UsageError
from model_export.recipe import GateSection

Task = Literal["classification", "regression"]
Array = npt.NDArray[Any]
Floats = npt.NDArray[np.float64]

Reweighted = Callable[[npt.NDArray[np.uint8]], Floats]
"""From weights, [examples, resamples], to the metric of each resample, NaN where it has none.

A weight says how often an example occurs in a resample.
"""

_SMALLEST_SCORE = 1e-7
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
    """

    name: str
    lower_is_better: bool
    task: Task
    compute: Callable[[Array, Array], float]
    right: Callable[[Array, Array], npt.NDArray[np.bool_]] | None = None
    reweighted: Callable[[Array, Array], Reweighted] | None = None
    per_class: bool = False


def find_metric(gate: GateSection, task: Task, classes: int, folder: Path) -> Metric:
    """The metric that the recipe names.

    - "accuracy": the best score is that of the right class; of equal ones, the first is the best.
    - "top_<k>": fewer than k other classes score as high as the right one; equal scores count
      against the model.
    - "macro_f1": mean of F1 over the classes that the targets have.
    - "roc_auc": area under the ROC curve, of the second of two classes; of more classes, the mean
      over those that the targets have, each against the rest.
    - "log_loss": mean of -ln of the right class's share of all scores, which is at least 1e-7: as
      Keras's cross-entropy, and unlike scikit-learn's, it takes rows that quantization has left
      with another sum than 1.
    - "mae", "rmse": over all outputs alike; in the targets' units.

    Args:
        gate: says which.
        task: of the model.
        classes: that the model tells apart; of no use to a regression.
        folder: of the recipe, where functions are looked up first.

    Raises:
        UsageError: there is no such metric, or it does not fit the model. A function's metric
            raises it from `compute`, too, when the function fails or gives no finite number.
    """
    if ":" in gate.metric:
        return _of_function(gate, task, folder)
    top = re.fullmatch(r"top_(\d+)", gate.metric)
    metric = _top(int(top[1])) if top else _KNOWN.get(gate.metric)
    if metric is None:
        near = get_close_matches(gate.metric.lower(), NAMES, n=1, cutoff=0)[0]
        raise UsageError(
            f"gate.metric: {gate.metric!r} is not known; the nearest is {near!r}, "
            f"of {', '.join(NAMES)}, and module:function for your own"
        )
    if metric.task != task:
        raise UsageError(
            f"gate.metric: {metric.name!r} is for {metric.task}; for {task} there are "
            f"{', '.join(_fitting(task))}, and module:function for your own"
        )
    if top and not 1 <= int(top[1]) < classes:
        raise UsageError(
            f"gate.metric: {metric.name!r}: expected 1 to {classes - 1}, of {classes} classes"
        )
    return metric


def answers(scores: Array) -> npt.NDArray[np.int64]:
    """The class that each row answers: that of its best score, the first of equal ones.

    Args:
        scores: [examples, classes].

    Returns:
        [examples]; -1, which is no class, where a score is NaN.
    """
    # argmax alone would take NaN for the best score.
    return np.where(np.isnan(scores).any(axis=-1), -1, scores.argmax(axis=-1))


def right_answers(scores: Array, targets: Array) -> npt.NDArray[np.bool_]:
    """Which rows answer the right class, [examples]."""
    return np.asarray(answers(scores) == targets)


def _fraction(name: str, right: Callable[[Array, Array], npt.NDArray[np.bool_]]) -> Metric:
    return Metric(
        name=name,
        lower_is_better=False,
        task="classification",
        compute=lambda scores, targets: float(np.mean(right(scores, targets))),
        right=right,
    )


def _top(k: int) -> Metric:
    def right(scores: Array, targets: Array) -> npt.NDArray[np.bool_]:
        own = scores[np.arange(len(scores)), targets]
        place = np.sum(scores >= own[:, np.newaxis], axis=-1)
        return np.asarray((place <= k) & ~np.isnan(scores).any(axis=-1))

    return _fraction(f"top_{k}", right)


def _mean_loss(
    name: str,
    task: Task,
    losses: Callable[[Array, Array], Floats],
    unit: Callable[[Any], Any] = lambda mean: mean,
) -> Metric:
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


def _log_losses(scores: Array, targets: Array) -> Floats:
    scores = scores.astype(np.float64)
    finite = np.isfinite(scores).all(axis=-1)
    scores[~finite] = 0
    totals = scores.sum(axis=-1)
    own = scores[np.arange(len(scores)), targets]
    shares = np.divide(own, totals, out=np.zeros_like(own), where=totals > 0)
    return np.where(finite, -np.log(np.clip(shares, _SMALLEST_SCORE, 1)), np.inf)


def _absolute_errors(scores: Array, targets: Array) -> Floats:
    return _or_endless(np.abs(scores.astype(np.float64) - targets).mean(axis=-1))


def _squared_errors(scores: Array, targets: Array) -> Floats:
    return _or_endless(np.square(scores.astype(np.float64) - targets).mean(axis=-1))


def _or_endless(losses: Floats) -> Floats:
    return np.where(np.isnan(losses), np.inf, losses)


def _macro_f1(scores: Array, targets: Array) -> float:
    # Imported here because it takes seconds, and most recipes do not ask for it.
    from sklearn.metrics import f1_score

    present = np.unique(targets)
    return float(
        f1_score(targets, answers(scores), labels=present, average="macro", zero_division=0)
    )


def _reweighted_macro_f1(scores: Array, targets: Array) -> Reweighted:
    answered = answers(scores)
    classes = [(targets == label, answered == label) for label in np.unique(targets)]

    def values(weights: npt.NDArray[np.uint8]) -> Floats:
        return _mean_where_defined([_f1(weights, members, found) for members, found in classes])

    return values


def _f1(
    weights: npt.NDArray[np.uint8],
    members: npt.NDArray[np.bool_],
    found: npt.NDArray[np.bool_],
) -> Floats:
    support = weights[members].sum(axis=0)
    hits = weights[members & found].sum(axis=0)
    return _ratio(2 * hits, support + weights[found].sum(axis=0), defined=support > 0)


def _roc_auc(scores: Array, targets: Array) -> float:
    # Imported here because it takes seconds, and most recipes do not ask for it.
    from sklearn.metrics import roc_auc_score

    # Class by class, because scikit-learn's own mean refuses rows with another sum than 1.
    return float(
        np.mean([roc_auc_score(members, ranks) for members, ranks in _rankings(scores, targets)])
    )


def _reweighted_roc_auc(scores: Array, targets: Array) -> Reweighted:
    classes = [_reweighted_area(members, ranks) for members, ranks in _rankings(scores, targets)]
    return lambda weights: _mean_where_defined([area(weights) for area in classes])


def _reweighted_area(members: npt.NDArray[np.bool_], ranks: Array) -> Reweighted:
    """The area of one class, from the sum of its members' midranks (Mann & Whitney)."""
    order = np.argsort(ranks)
    below = np.searchsorted(ranks[order], ranks[members], "left")
    up_to = np.searchsorted(ranks[order], ranks[members], "right")

    def values(weights: npt.NDArray[np.uint8]) -> Floats:
        ranked = np.zeros((len(ranks) + 1, weights.shape[1]), dtype=np.int32)
        np.cumsum(weights[order], axis=0, out=ranked[1:])
        own = weights[members].astype(np.float64)
        won = np.sum(own * (ranked[below] + ranked[up_to]), axis=0) / 2
        total = own.sum(axis=0)
        pairs = total * (ranked[-1] - total)
        # Among themselves, members win half of all pairs: these are no part of the area.
        return _ratio(won - total**2 / 2, pairs, defined=pairs > 0)

    return values


def _rankings(scores: Array, targets: Array) -> list[tuple[npt.NDArray[np.bool_], Array]]:
    """Of every class that counts: who belongs to it, and the ranks of its scores."""
    present = np.unique(targets)
    if len(present) < 2:
        raise UsageError("gate.metric: 'roc_auc': expected examples of at least two classes")
    counted: Sequence[int] = [1] if scores.shape[-1] == 2 else present.tolist()
    return [(targets == label, _ranks(scores[:, label])) for label in counted]


def _ranks(column: Array) -> Array:
    return np.unique(np.where(np.isnan(column), -np.inf, column), return_inverse=True)[1]


def _ratio(upper: Array, lower: Array, defined: npt.NDArray[np.bool_]) -> Floats:
    ratio = np.full(lower.shape, np.nan)
    np.divide(upper, lower, out=ratio, where=defined)
    return ratio


def _mean_where_defined(rows: Sequence[Floats]) -> Floats:
    # nanmean would warn where nothing is defined.
    values = np.stack(rows)
    defined = ~np.isnan(values)
    count = defined.sum(axis=0)
    return _ratio(np.where(defined, values, 0).sum(axis=0), count, defined=count > 0)


_KNOWN = {
    metric.name: metric
    for metric in (
        _fraction("accuracy", right_answers),
        Metric(
            name="macro_f1",
            lower_is_better=False,
            task="classification",
            compute=_macro_f1,
            reweighted=_reweighted_macro_f1,
        ),
        Metric(
            name="roc_auc",
            lower_is_better=False,
            task="classification",
            compute=_roc_auc,
            reweighted=_reweighted_roc_auc,
            per_class=True,
        ),
        _mean_loss("log_loss", "classification", _log_losses),
        _mean_loss("mae", "regression", _absolute_errors),
        _mean_loss("rmse", "regression", _squared_errors, unit=np.sqrt),
    )
}


def _fitting(task: Task) -> list[str]:
    names = [metric.name for metric in _KNOWN.values() if metric.task == task]
    return [*names, "top_<k>"] if task == "classification" else names


NAMES = (*_fitting("classification"), *_fitting("regression"))
"""Of all metrics but one's own, as people write them."""


def _of_function(gate: GateSection, task: Task, folder: Path) -> Metric:
    name = gate.metric
    function: Callable[[Array, Array], object] = import_object(name, folder)
    if not callable(function):
        raise UsageError(f"gate.metric: {name}: expected a function, got {type(function).__name__}")

    def compute(scores: Array, targets: Array) -> float:
        try:
            value = function(scores, targets)
        except Exception as error:
            # It is the user's own code, which may raise anything.
            raise UsageError(f"gate.metric: {name}: it raised {told(error)}") from error
        if isinstance(value, bool) or not isinstance(value, Real) or not math.isfinite(value):
            raise UsageError(
                f"gate.metric: {name}: expected a finite number, got {reprlib.repr(value)}"
                f"{_defined_at(function)}"
            )
        return float(value)

    return Metric(name=name, lower_is_better=bool(gate.lower_is_better), task=task, compute=compute)


def _defined_at(function: object) -> str:
    code = getattr(function, "__code__", None)
    return f" ({code.co_filename}, line {code.co_firstlineno})" if code else ""
