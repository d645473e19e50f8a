"""What the page shows of each output."""

from __future__ import annotations

from dataclasses import replace

from model_export.report.page.classes import MOST
from model_export.report.page.views import MOST_OUTPUTS, views
from tests.support.export import reports


def test_a_classifier_has_classes_and_pairs_and_neither_threshold_nor_values() -> None:
    (view,) = views(reports.digits())
    assert view.suffix == ""
    assert view.pareto
    assert view.reliability
    assert (view.threshold, view.values, view.changes) == (None, None, ())
    assert 0 < len(view.classes) <= MOST
    assert view.pairs


def test_a_single_score_has_its_threshold_among_others() -> None:
    (view,) = views(reports.binary())
    assert view.threshold
    assert "At a threshold of 0.41" in view.threshold


def test_a_regression_has_its_values_and_the_budget_of_its_own() -> None:
    report = reports.regression()
    (view,) = views(report)
    assert view.values
    assert (view.reliability, view.threshold, view.pairs) == (None, None, ())
    assert list(view.budgets) == [each for each in report.budgets if each.output == "scores"]


def test_of_a_regression_the_values_that_moved_most_are_kept_in_their_order() -> None:
    report = reports.regression()
    values = report.outputs[0].values
    assert values is not None
    (change,) = values.changes[:1]
    changes = tuple(
        replace(change, index=index, deviation=1.0, moved=float(-abs(index - 30)))
        for index in range(60)
    )
    (view,) = views(reports.with_output(report, values=replace(values, changes=changes)))
    kept = [each.index for each in view.changes]
    assert len(kept) == MOST
    assert kept == sorted(kept)
    assert {29, 30, 31} <= set(kept)


def test_of_many_outputs_the_first_have_views_each_with_ids_of_its_own() -> None:
    found = views(reports.several_outputs(8))
    assert len(found) == MOST_OUTPUTS
    assert [view.suffix for view in found] == [f"-{n}" for n in range(1, MOST_OUTPUTS + 1)]
