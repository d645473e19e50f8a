"""Builds the report of one output."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy.typing as npt

from model_export.quality.classes import confusion
from model_export.quality.comparison import Comparison
from model_export.quality.criteria import OutputCriterion
from model_export.quality.score_calibration import reliability
from model_export.quality.thresholds import threshold_curve
from model_export.quantization.candidate import output_quality
from model_export.report.build.changed import Changes
from model_export.report.build.shown_inputs import InputsShown
from model_export.report.build.value_changes import value_changes
from model_export.report.document.output import OutputReport
from tflite_serving.contract.tensors import OutputSpec

Array = npt.NDArray[Any]


def build_output(
    criterion: OutputCriterion,
    comparison: Comparison,
    scores: tuple[Array, Array, Array],
    inputs: InputsShown,
    most_changed: int,
) -> OutputReport:
    """The report of one output.

    Args:
        criterion: what it is judged by.
        comparison: of the published candidate with the reference.
        scores: what the reference and the published model answer to the test split, and the right
            answers; as `ModelSignature.scores` and `targets_of` give them.
        inputs: of the test split.
        most_changed: examples that are shown.
    """
    output, used = criterion.output, criterion.reference_metric.thresholds
    reference, published, targets = scores
    changes = Changes(output, reference, published, targets, inputs, used)
    rows = changes.rows()
    is_regression = output.task == "regression"
    return OutputReport(
        task=output.task,
        description=output.description,
        units=output.units,
        quality=output_quality(output.name, comparison),
        interval_method=comparison.method,
        thresholds=_thresholds(output, output.thresholds),
        reference_thresholds=_thresholds(output, used),
        threshold_curve=threshold_curve(criterion.metric, *scores) if output.is_binary else None,
        classes=comparison.classes,
        confusion=confusion(output.labels or (), *scores, output.thresholds, used)
        if output.task == "classification"
        else None,
        reliability=reliability(*scores, output.thresholds, used) if output.has_classes else None,
        values=value_changes(*scores) if is_regression else None,
        changed=tuple(changes.example(row) for row in rows[:most_changed]),
        changed_total=len(rows),
    )


def _thresholds(output: OutputSpec, thresholds: Sequence[float] | None) -> dict[str, float]:
    labels = output.labels or ()
    return dict(zip(labels[1:] if output.is_binary else labels, thresholds or (), strict=False))
