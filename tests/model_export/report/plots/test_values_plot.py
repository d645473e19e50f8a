"""The answers of a regression against the truth."""

from __future__ import annotations

from dataclasses import replace

from model_export.report.plots.values_plot import values_plot
from tests.support.export import reports


def test_answers_are_drawn_in_their_units_and_their_errors_told() -> None:
    output = reports.regression().outputs[0]
    plot = values_plot(output, "values")
    assert plot is not None
    for text in ("answer, EUR", "truth, EUR", "moved by", "Keras model", "published"):
        assert f">{text}</text>" in plot
    assert "Mean absolute error: Keras model " in plot


def test_without_a_point_there_is_no_plot() -> None:
    output = reports.regression().outputs[0]
    assert output.values is not None
    nothing = replace(output, values=replace(output.values, points=()))
    assert values_plot(nothing, "values") is None
