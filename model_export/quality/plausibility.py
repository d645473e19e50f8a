"""Warnings about models or test examples that make a quality comparison meaningless.

A model that was trained on such examples is better than any that answers the same to all of them.
One that is not was mostly asked about examples that are scaled or labeled otherwise than those of
its training; a candidate as good as that is no achievement.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from model_export.dataset.splits import Split, targets_of
from model_export.errors import UsageError
from model_export.quality.comparison import drops_between
from model_export.quality.criteria import OutputCriterion
from model_export.quality.decisions import right_answers
from model_export.quality.metric import Array, Metric, fraction
from model_export.signature.signature import ModelSignature
from tflite_serving.contract.tensors import Arrays, OutputSpec
from tflite_serving.dialects.answers import label_names

_SAME = 1e-6
"""Relative difference below which two float32 figures say the same."""
_MOST = 4
_ADVICE = "are these the examples that it was trained for, scaled and resized like those?"


@dataclass(frozen=True, slots=True)
class _Constant:
    """An answer to all examples.

    Attributes:
        row: [classes], [labels] or [values], as `ModelSignature.scores` gives it.
        name: What it is, for people, after "always".
    """

    row: Array
    name: str


def plausibility_warnings(
    criteria: Sequence[OutputCriterion], signature: ModelSignature, outputs: Arrays, test: Split
) -> Iterator[str]:
    """What speaks against judging by these examples, for people.

    Args:
        criteria: What each output is judged by.
        signature: Of the model.
        outputs: Of the Keras model, in natural units.
        test: The split that it was asked about.
    """
    scores, targets = signature.scores(outputs), targets_of(test, signature.outputs)
    for criterion in criteria:
        name = criterion.output.name
        yield from _of_output(criterion, scores[name], targets[name])


def _of_output(criterion: OutputCriterion, scores: Array, targets: Array) -> Iterator[str]:
    output = criterion.output
    silent = _uninformative(output, targets)
    if silent is not None:
        yield f"{output.name!r}: {silent}"
    if output.task != "multi_label" and silent is not None:
        return
    spread = np.ptp(scores, axis=0) <= _SAME * np.abs(scores).max(axis=0)
    if len(scores) > 1 and bool(np.all(spread)):
        yield (
            f"the Keras model's {output.name!r} is the same for each of the {len(scores):,} test "
            f"examples: {_ADVICE}"
        )
        return
    for metric in _judged(criterion):
        found = metric.compute(scores, targets)
        best = _best_constant(metric, output, targets)
        if best is not None and _is_no_better(metric, found, best[0]):
            yield (
                f"the Keras model's {output.name!r} has {metric.name} {found:.4f} on the test "
                f"split, and always {best[1].name} would have {best[0]:.4f}: {_ADVICE}"
                f"{_weighted(metric)}"
            )
            return


def _weighted(metric: Metric) -> str:
    """What else may be the reason, where rare classes count for little."""
    if metric.name != "accuracy":
        return ""
    return ' Or is a class rare, and was weighted? Then judge by gate.metric = "macro_f1"'


def _uninformative(output: OutputSpec, targets: Array) -> str | None:
    """What the right answers themselves cannot tell, because they are all alike."""
    if output.task == "regression":
        alike = bool(np.all(targets == targets[0]))
        return f"all right answers of the test split are {_shown(targets[0])}" if alike else None
    names = label_names(output)
    if output.task == "multi_label":
        told = [
            f"{what} has {_listed([names[index] for index in np.flatnonzero(which)])}"
            for what, which in (
                ("no test example", ~targets.any(axis=0)),
                ("every test example", targets.all(axis=0)),
            )
            if which.any()
        ]
        return "; ".join(told) or None
    first = int(targets[0])
    if not np.all(targets == first):
        return None
    return (
        f"all {len(targets):,} test examples are {names[first]!r}: they tell nothing of the other "
        "classes"
    )


def _judged(criterion: OutputCriterion) -> Iterator[Metric]:
    """What must be better than a constant's: what is answered, and what the recipe judges."""
    output, metric = criterion.output, criterion.reference_metric
    if output.task == "classification" and metric.name != "accuracy":
        yield fraction(
            "accuracy",
            output.task,
            lambda scores, targets: right_answers(scores, targets, metric.thresholds),
        )
    yield metric


def _best_constant(
    metric: Metric, output: OutputSpec, targets: Array
) -> tuple[float, _Constant] | None:
    """The best figure of answers that are the same for all; None where the metric has none."""
    found = []
    for constant in _constants(output, targets):
        rows = np.broadcast_to(constant.row, (len(targets), len(constant.row)))
        try:
            found.append((metric.compute(rows.astype(np.float32), targets), constant))
        except UsageError:  # a function of the recipe's own need not take such scores
            continue
    return min(
        found, key=lambda each: each[0] if metric.lower_is_better else -each[0], default=None
    )


def _constants(output: OutputSpec, targets: Array) -> Iterator[_Constant]:
    if output.task == "regression":
        yield _Constant(np.median(targets, axis=0), f"the median, {_shown(np.median(targets, 0))},")
        yield _Constant(targets.mean(axis=0), f"the mean, {_shown(targets.mean(axis=0))},")
        return
    names = label_names(output)
    if output.task == "multi_label":
        rows, counts = np.unique(targets, axis=0, return_counts=True)
        usual = rows[counts.argmax()]
        told = _listed([names[index] for index in np.flatnonzero(usual)]) if usual.any() else "none"
        yield _Constant(usual.astype(np.float32), told)
        yield _Constant(np.ones(len(names), np.float32), "all labels")
        yield _Constant(targets.mean(axis=0), "each label's share as its score")
        return
    counts = np.bincount(targets, minlength=len(names))
    yield _Constant(np.eye(len(names))[counts.argmax()], repr(names[counts.argmax()]))
    yield _Constant(counts / len(targets), "each class's share as its score")


def _is_no_better(metric: Metric, found: float, constant: float) -> bool:
    figures = np.array(constant), np.array(found)
    loss = float(drops_between(*figures, lower_is_better=metric.lower_is_better))
    return loss >= -_SAME * abs(constant)


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _MOST:,} more" if len(names) > _MOST else ""
    return ", ".join(map(repr, names[:_MOST])) + more


def _shown(values: Array) -> str:
    more = ", …" if len(values) > _MOST else ""
    return ", ".join(f"{value:.6g}" for value in values[:_MOST]) + more
