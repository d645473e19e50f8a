"""Selects test examples whose prediction was changed by compression."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from model_export.quality.decisions import Thresholds, answers, right_answers, same_answers
from model_export.report.build.shown_inputs import InputsShown
from model_export.report.document.output import ChangedExample
from tflite_serving.contract.tensors import OutputSpec
from tflite_serving.runtime.postprocess import answered_labels

_REGRESSION_TOLERANCE = 0.1
"""Of the true values' standard deviation: by how much one must move to count as changed."""
_MOST_VALUES = 12

Scores = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class Changes:
    """The answers of both models to the test split, for one output.

    Attributes:
        output: of the model.
        reference, published: what they answer, as `ModelSignature.scores` gives it.
        targets: the right answers.
        inputs: of the examples, shown.
        reference_thresholds: of the reference; None where they are the output's.
    """

    output: OutputSpec
    reference: Scores
    published: Scores
    targets: npt.NDArray[Any]
    inputs: InputsShown
    reference_thresholds: Thresholds = None

    def rows(self) -> Sequence[int]:
        """Those whose answer changed, those first that lost a right one with most certainty."""
        if self.output.task == "regression":
            moved = relative_moves(self.reference, self.published, self.targets).max(axis=1)
            order = np.argsort(-moved, kind="stable")
            return [int(row) for row in order[moved[order] > _REGRESSION_TOLERANCE]]
        thresholds, used = self.output.thresholds, self._used
        same = same_answers(self.reference, self.published, self.targets, thresholds, used)
        changed = np.flatnonzero(~same)
        lost = right_answers(self.reference, self.targets, used)[changed]
        certainty = np.zeros(len(changed))
        if self.output.task == "classification":
            before = self.reference[changed]
            certainty = before[np.arange(len(changed)), answers(before, used)]
        return [int(row) for row in changed[np.lexsort((-certainty, ~lost))]]

    def example(self, row: int) -> ChangedExample:
        """One of them."""
        pictures, values = self.inputs.of(row)
        before = self._answer(self.reference[row], self._used)
        after = self._answer(self.published[row], self.output.thresholds)
        return ChangedExample(
            id=f"test[{row}]",
            truth=self._truth(self.targets[row]),
            reference=before[0],
            published=after[0],
            reference_score=before[1],
            published_score=after[1],
            pictures=pictures,
            values=values,
        )

    def _truth(self, target: Any) -> str:
        if self.output.task == "regression":
            return self._in_units(target)
        labels = self.output.labels or ()
        return _listed(labels, target) if self.output.task == "multi_label" else labels[target]

    @property
    def _used(self) -> Thresholds:
        return self.reference_thresholds or self.output.thresholds

    def _answer(self, scores: Scores, thresholds: Thresholds) -> tuple[str, float | None]:
        if self.output.task == "regression":
            return self._in_units(scores), None
        if np.isnan(scores).any():
            return "no answer (NaN)", None
        labels = self.output.labels or ()
        if self.output.task == "multi_label":
            return _listed(labels, answered_labels(scores, thresholds or 0.5)), None
        best = int(answers(scores[np.newaxis], thresholds)[0])
        return labels[best], float(scores[best])

    def _in_units(self, values: Scores) -> str:
        shown = ", ".join(f"{value:.6g}" for value in values[:_MOST_VALUES])
        more = f", … ({values.size} values)" if values.size > _MOST_VALUES else ""
        return f"{shown}{more} {self.output.units}".rstrip()


def relative_moves(reference: Scores, published: Scores, targets: Scores) -> Scores:
    """By how much each value of a regression moved, in standard deviations of its true values.

    Args:
        reference, published, targets: [examples, values].

    Returns:
        [examples, values]; an answer that is no number has moved without end.
    """
    moved = np.abs(published.astype(np.float64) - reference)
    moved[np.isnan(moved)] = np.inf
    deviation = targets.astype(np.float64).std(axis=0)
    # Where all are the same, there is no scale but that of the values themselves.
    scale = np.where(deviation > 0, deviation, np.maximum(np.abs(targets).max(axis=0), 1e-12))
    return np.asarray(moved / scale)


def _listed(labels: Sequence[str], on: Any) -> str:
    found = [label for label, is_on in zip(labels, on, strict=True) if is_on]
    more = f" and {len(found) - _MOST_VALUES} more" if len(found) > _MOST_VALUES else ""
    return ", ".join(found[:_MOST_VALUES]) + more or "none of them"
