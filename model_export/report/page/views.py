"""View of each output for the page's template: its plots, and excerpts of long lists."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from model_export.quality.classes import ClassChange, ConfusionCount
from model_export.report.document.output import OutputReport, ValueChange, Values
from model_export.report.document.report import Budget, Report
from model_export.report.page.classes import MOST, changed_pairs, most_changed
from model_export.report.plots.pareto import front, judged_by, pareto_plot
from model_export.report.plots.reliability import reliability_plot
from model_export.report.plots.threshold_plot import threshold_plot
from model_export.report.plots.values_plot import values_plot
from tflite_serving.contract.evidence import Candidate

MOST_OUTPUTS = 6
"""Outputs beyond which the page has a line for each alone."""


@dataclass(frozen=True, slots=True)
class View:
    """One output.

    Attributes:
        output: what is told of it.
        suffix: what makes the ids of its sections unique.
        budgets: of its quality.
        front: the candidates that no other one beats.
        pareto, reliability, threshold, values: plots; None where they make no sense.
        classes, pairs, changes: what changed most.
    """

    output: OutputReport
    suffix: str
    budgets: Sequence[Budget]
    front: Sequence[Candidate]
    pareto: Markup | None
    reliability: Markup | None
    threshold: Markup | None
    values: Markup | None
    classes: Sequence[ClassChange]
    pairs: Sequence[ConfusionCount]
    changes: Sequence[ValueChange]


def views(report: Report) -> list[View]:
    """Those of the first `MOST_OUTPUTS` outputs."""
    return [
        _view(report, output, f"-{index + 1}" if len(report.outputs) > 1 else "")
        for index, output in enumerate(report.outputs[:MOST_OUTPUTS])
    ]


def _view(report: Report, output: OutputReport, suffix: str) -> View:
    curve, thresholds = output.threshold_curve, list(output.thresholds.values())
    return View(
        output=output,
        suffix=suffix,
        budgets=[budget for budget in report.budgets if budget.output == output.name],
        front=front(judged_by(report, output), lower_is_better=output.quality.lower_is_better),
        pareto=pareto_plot(report, output, f"pareto{suffix}"),
        reliability=reliability_plot(output.reliability, f"reliability{suffix}")
        if output.reliability
        else None,
        threshold=threshold_plot(curve, thresholds[0], f"threshold{suffix}") if curve else None,
        values=values_plot(output, f"values{suffix}") if output.values else None,
        classes=most_changed(output.classes),
        pairs=changed_pairs(output.confusion) if output.confusion else (),
        changes=_most_moved(output.values) if output.values else (),
    )


def _most_moved(values: Values) -> list[ValueChange]:
    """At most `MOST` values, in their order."""
    moved = sorted(values.changes, key=lambda each: -each.moved / (each.deviation or 1))[:MOST]
    return sorted(moved, key=lambda each: each.index)
