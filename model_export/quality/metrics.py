"""Metrics of quality: those that a recipe can name, and user-defined functions.

Classification takes scores as [examples, classes] and targets as [examples] class indices;
regression takes both as [examples, outputs]; for several labels see `label_metrics`.
"""

from __future__ import annotations

import math
import re
import reprlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from difflib import get_close_matches
from numbers import Real
from pathlib import Path

import numpy as np
import numpy.typing as npt

from model_export.errors import UsageError
from model_export.quality.decisions import Thresholds, answers, right_answers
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
    reweighted_area,
    weighted_f1,
)
from model_export.quality.multi_label import label_metrics
from model_export.recipe.gate import GateSection
from model_export.recipe.user_code import describe_error, import_object
from tflite_serving.contract.tensors import OutputSpec, Task

_USUAL: dict[Task, str] = {"classification": "accuracy", "multi_label": "micro_f1"}
"""What is judged where the recipe names no metric."""


def find_metric(
    gate: GateSection,
    task: Task,
    classes: int,
    folder: Path,
    thresholds: tuple[float, ...] | None = None,
    key: str = "gate.metric",
) -> Metric:
    """The metric that the recipe names, or the usual one.

    - "accuracy": the best score is that of the right class; of equal ones, the first is the best.
      Where a single score has a threshold, that decides.
    - "top_<k>": fewer than k other classes score as high as the right one; equal scores count
      against the model.
    - "macro_f1": mean of F1 over the classes that the targets have.
    - "roc_auc": area under the ROC curve, of the second of two classes; of more classes, the mean
      over those that the targets have, each against the rest.
    - "log_loss": mean of -ln of the right class's share of all scores, which is at least 1e-7: as
      Keras's cross-entropy, and unlike scikit-learn's, it takes rows that quantization has left
      with another sum than 1.
    - "mae", "rmse": over all outputs alike; in the targets' units.
    - of several labels, see `label_metrics`.

    Args:
        gate: says which.
        task: of the output.
        classes: that the output tells apart; of no use to a regression.
        folder: of the recipe, where functions are looked up first.
        thresholds: of the output.
        key: of the recipe that names the metric.

    Raises:
        UsageError: there is no such metric, or it does not fit the model. A function's metric
            raises it from `compute`, too, when the function fails or gives no finite number.
    """
    name = gate.metric or _USUAL.get(task)
    if name is None:
        raise UsageError(
            f"{key}: a regression has no usual one: say mae, rmse or module:function, and a "
            "max_drop in the units of its values"
        )
    if ":" in name:
        return _of_function(name, gate, task, folder, thresholds, key)
    fitting = _metrics_of(task, thresholds)
    top = re.fullmatch(r"top_(\d+)", name) if task == "classification" else None
    metric = _top(int(top[1])) if top else fitting.get(name)
    if metric is None:
        if name in NAMES or re.fullmatch(r"top_\d+", name):
            others = [task for task in _TASKS if name in _fitting(task)] or ["classification"]
            raise UsageError(
                f"{key}: {name!r} is for {' and '.join(others)}; for {task} there are "
                f"{', '.join(_fitting(task))}, and module:function for your own"
            )
        near = get_close_matches(name.lower(), NAMES, n=1, cutoff=0)[0]
        raise UsageError(
            f"{key}: {name!r} is not known; the nearest is {near!r}, "
            f"of {', '.join(NAMES)}, and module:function for your own"
        )
    if top and not 1 <= int(top[1]) < classes:
        raise UsageError(f"{key}: {name!r}: expected 1 to {classes - 1}, of {classes} classes")
    return replace(metric, thresholds=thresholds)


def _top(k: int) -> Metric:
    def right(scores: Array, targets: Array) -> npt.NDArray[np.bool_]:
        own = scores[np.arange(len(scores)), targets]
        place = np.sum(scores >= own[:, np.newaxis], axis=-1)
        return np.asarray((place <= k) & ~np.isnan(scores).any(axis=-1))

    return fraction(f"top_{k}", "classification", right)


def _log_losses(scores: Array, targets: Array) -> Floats:
    scores = scores.astype(np.float64)
    finite = np.isfinite(scores).all(axis=-1)
    scores[~finite] = 0
    totals = scores.sum(axis=-1)
    own = scores[np.arange(len(scores)), targets]
    shares = np.divide(own, totals, out=np.zeros_like(own), where=totals > 0)
    return np.where(finite, -np.log(np.clip(shares, SMALLEST_SCORE, 1)), np.inf)


def _absolute_errors(scores: Array, targets: Array) -> Floats:
    return _or_endless(np.abs(scores.astype(np.float64) - targets).mean(axis=-1))


def _squared_errors(scores: Array, targets: Array) -> Floats:
    return _or_endless(np.square(scores.astype(np.float64) - targets).mean(axis=-1))


def _or_endless(losses: Floats) -> Floats:
    return np.where(np.isnan(losses), np.inf, losses)


def _macro_f1(thresholds: Thresholds) -> Callable[[Array, Array], float]:
    def compute(scores: Array, targets: Array) -> float:
        # Imported here because it takes seconds, and most recipes do not ask for it.
        from sklearn.metrics import f1_score

        answered, present = answers(scores, thresholds), np.unique(targets)
        return float(f1_score(targets, answered, labels=present, average="macro", zero_division=0))

    return compute


def _reweighted_macro_f1(thresholds: Thresholds) -> Callable[[Array, Array], Reweighted]:
    def reweighted(scores: Array, targets: Array) -> Reweighted:
        answered = answers(scores, thresholds)
        classes = [(targets == label, answered == label) for label in np.unique(targets)]
        return lambda weights: mean_where_defined(
            [weighted_f1(weights, members, found) for members, found in classes]
        )

    return reweighted


def _roc_auc(scores: Array, targets: Array) -> float:
    # Imported here because it takes seconds, and most recipes do not ask for it.
    from sklearn.metrics import roc_auc_score

    # Class by class, because scikit-learn's own mean refuses rows with another sum than 1.
    return float(
        np.mean([roc_auc_score(members, ranks) for members, ranks in _rankings(scores, targets)])
    )


def _reweighted_roc_auc(scores: Array, targets: Array) -> Reweighted:
    classes = [reweighted_area(members, ranks) for members, ranks in _rankings(scores, targets)]
    return lambda weights: mean_where_defined([area(weights) for area in classes])


def _rankings(scores: Array, targets: Array) -> list[tuple[Bools, Array]]:
    """Of every class that counts: who belongs to it, and the ranks of its scores."""
    present = np.unique(targets)
    if len(present) < 2:
        raise UsageError("gate.metric: 'roc_auc': expected examples of at least two classes")
    counted: Sequence[int] = [1] if scores.shape[-1] == 2 else present.tolist()
    return [(targets == label, ranks(scores[:, label])) for label in counted]


def fits(name: str, output: OutputSpec) -> bool:
    """Whether a metric that is no function of one's own is for such an output."""
    top = re.fullmatch(r"top_(\d+)", name)
    if top:
        return output.task == "classification" and 1 <= int(top[1]) < len(output.labels or ())
    return name in _fitting(output.task)


_TASKS: tuple[Task, ...] = ("classification", "multi_label", "regression")
_OF_VALUES = {
    "mae": mean_loss("mae", "regression", _absolute_errors),
    "rmse": mean_loss("rmse", "regression", _squared_errors, unit=np.sqrt),
}


def _metrics_of(task: Task, thresholds: tuple[float, ...] | None) -> dict[str, Metric]:
    """Those that a recipe can name for an output, but top_<k>."""
    if task == "regression":
        return _OF_VALUES
    if task == "multi_label":
        return label_metrics(thresholds)

    def right(scores: Array, targets: Array) -> Bools:
        return right_answers(scores, targets, thresholds)

    found = (
        fraction("accuracy", "classification", right),
        Metric(
            name="macro_f1",
            lower_is_better=False,
            task="classification",
            compute=_macro_f1(thresholds),
            reweighted=_reweighted_macro_f1(thresholds),
        ),
        Metric(
            name="roc_auc",
            lower_is_better=False,
            task="classification",
            compute=_roc_auc,
            reweighted=_reweighted_roc_auc,
            per_class=True,
        ),
        mean_loss("log_loss", "classification", _log_losses),
    )
    return {metric.name: metric for metric in found}


def _fitting(task: Task) -> list[str]:
    return [*_metrics_of(task, None), *(["top_<k>"] if task == "classification" else [])]


NAMES = tuple(dict.fromkeys(name for task in _TASKS for name in _fitting(task)))
"""Of all metrics but one's own, as people write them."""


def _of_function(
    name: str,
    gate: GateSection,
    task: Task,
    folder: Path,
    thresholds: tuple[float, ...] | None,
    key: str,
) -> Metric:
    function: Callable[[Array, Array], object] = import_object(name, folder)
    if not callable(function):
        raise UsageError(f"{key}: {name}: expected a function, got {type(function).__name__}")

    def compute(scores: Array, targets: Array) -> float:
        try:
            value = function(scores, targets)
        except Exception as error:
            # It is the user's own code, which may raise anything.
            raise UsageError(f"{key}: {name}: it raised {describe_error(error)}") from error
        if isinstance(value, bool) or not isinstance(value, Real) or not math.isfinite(value):
            raise UsageError(
                f"{key}: {name}: expected a finite number, got {reprlib.repr(value)}"
                f"{_defined_at(function)}"
            )
        return float(value)

    return Metric(
        name=name,
        lower_is_better=bool(gate.lower_is_better),
        task=task,
        compute=compute,
        thresholds=thresholds,
    )


def _defined_at(function: object) -> str:
    code = getattr(function, "__code__", None)
    return f" ({code.co_filename}, line {code.co_firstlineno})" if code else ""
