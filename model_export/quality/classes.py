"""Recall and precision per class, and the confusion matrix, before and after compression."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from model_export.quality.decisions import Thresholds, answers, label_answers
from model_export.quality.metric import Array, Bools


def class_changes(
    labels: tuple[str, ...],
    reference_scores: Array,
    published_scores: Array,
    targets: Array,
    thresholds: Thresholds = None,
    reference_thresholds: Thresholds = None,
) -> tuple[ClassChange, ...]:
    """Recall and precision of every class or label, in their order.

    Args:
        labels: of the classes, in the order of the scores.
        reference_scores, published_scores: [examples, classes].
        targets: [examples] class indices, or [examples, labels] bool.
        thresholds: of the published model.
        reference_thresholds: of the reference; None for the same.
    """
    both = (
        (reference_scores, reference_thresholds or thresholds),
        (published_scores, thresholds),
    )
    if targets.ndim == 2:
        said = [label_answers(each, targets, at) for each, at in both]
        columns = ((targets[:, i], *(s[:, i] for s in said)) for i in range(len(labels)))
    else:
        classes = [answers(each, at) for each, at in both]
        columns = ((targets == i, *(c == i for c in classes)) for i in range(len(labels)))
    return tuple(
        _class_change(label, *column) for label, column in zip(labels, columns, strict=True)
    )


def confusion(
    labels: tuple[str, ...],
    reference_scores: Array,
    published_scores: Array,
    targets: Array,
    thresholds: Thresholds = None,
    reference_thresholds: Thresholds = None,
) -> Confusion:
    """Right classes against answered ones.

    An answer of NaN is no class, and not counted: the counts of its class then add up to less than
    the examples of that class.

    Args:
        labels: of the classes, in the order of the scores.
        reference_scores, published_scores: [examples, classes].
        targets: [examples] class indices.
        thresholds: of the published model.
        reference_thresholds: of the reference; None for the same.
    """
    before, after = (
        Counter(zip(targets.tolist(), answers(scores, at).tolist(), strict=True))
        for scores, at in (
            (reference_scores, reference_thresholds or thresholds),
            (published_scores, thresholds),
        )
    )
    return Confusion(
        labels=labels,
        counts=tuple(
            ConfusionCount(
                truth=labels[truth],
                answer=labels[answer],
                reference=before[truth, answer],
                published=after[truth, answer],
            )
            for truth, answer in sorted(before.keys() | after.keys())
            if answer >= 0
        ),
    )


def _class_change(label: str, members: Bools, before: Bools, after: Bools) -> ClassChange:
    examples = int(members.sum())
    recalls = [_fraction(members & said, members) for said in (before, after)]
    return ClassChange(
        label=label,
        examples=examples,
        reference=recalls[0] or 0.0,
        published=recalls[1] or 0.0,
        reference_precision=_fraction(members & before, before),
        published_precision=_fraction(members & after, after),
    )


def _fraction(part: Bools, whole: Bools) -> float | None:
    count = int(whole.sum())
    return int(part.sum()) / count if count else None


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassChange:
    """What compression did to one class.

    Attributes:
        label: of the class.
        examples: of it in the test split.
        reference, published: recall: the fraction of them that each model gets right.
        reference_precision, published_precision: of the examples that each model says to be of the
            class, the fraction that is; None where it says so of none.
    """

    label: str
    examples: int
    reference: float
    published: float
    reference_precision: float | None = None
    published_precision: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfusionCount:
    """How many examples of one class get one answer.

    Attributes:
        truth, answer: labels; the same where the answer is right.
        reference, published: how many, of each model.
    """

    truth: str
    answer: str
    reference: int
    published: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Confusion:
    """What is taken for what.

    Attributes:
        labels: of all classes.
        counts: all that are not 0 for both models, by right class and answer: of a thousand
            classes, few of a million are.
    """

    labels: tuple[str, ...]
    counts: tuple[ConfusionCount, ...]
