"""What candidates trade."""

from __future__ import annotations

import re
from dataclasses import replace

from model_export.report.document.report import Report
from model_export.report.plots.pareto import front, pareto_plot
from tests.support.export import reports
from tflite_serving.contract.evidence import Latency


def names(lower_is_better: bool) -> list[str]:  # noqa: FBT001
    measured = {"slow": (3.0, 0.9), "fast": (1.0, 0.7), "best": (2.0, 0.95), "bad": (1.5, 0.6)}
    candidates = [
        reports.candidate(name, latency_ms=Latency(p50, p50), quality=quality)
        for name, (p50, quality) in measured.items()
    ]
    return [candidate.name for candidate in front(candidates, lower_is_better=lower_is_better)]


def plotted(report: Report, output: int = 0) -> str:
    return pareto_plot(report, report.outputs[output]) or ""


def test_the_front_is_what_nothing_beats_in_both() -> None:
    assert names(lower_is_better=False) == ["fast", "best"]
    assert names(lower_is_better=True) == ["fast", "bad"]


def test_candidates_at_one_place_are_both_on_the_front() -> None:
    twins = [reports.candidate("a"), reports.candidate("b")]
    assert front(twins, lower_is_better=False) == twins


def test_one_candidate_is_not_plotted() -> None:
    assert plotted(reports.one_candidate()) == ""


def test_every_candidate_is_named_in_the_plot() -> None:
    report = reports.digits()
    texts = re.findall(r"<text[^>]*>([^<]*)</text>", plotted(report))
    names = {candidate.name for candidate in report.compression.candidates}
    assert names | {"Keras model", "max_drop"} <= set(texts)


def test_the_chosen_one_is_named_however_crowded_the_plot_is() -> None:
    report = reports.digits()
    crowd = [
        reports.candidate(f"candidate_{index}", latency_ms=Latency(0.0163, 0.02), quality=0.9759)
        for index in range(40)
    ]
    candidates = (*crowd, *report.compression.candidates)
    crowded = replace(report, compression=replace(report.compression, candidates=candidates))
    plot = plotted(crowded)
    assert ">static_int8_mixed</text>" in plot
    assert plot.count("<text") < 55


def test_each_output_is_plotted_by_its_own_metric() -> None:
    report = reports.several_outputs()
    assert ">accuracy<" in plotted(report, 0)
    assert ">rmse<" in plotted(report, 2)
    assert "rmse 2,391.0" in plotted(report, 2)
