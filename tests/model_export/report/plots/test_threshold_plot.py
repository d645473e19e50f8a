"""What other thresholds would come to."""

from __future__ import annotations

from model_export.report.plots.threshold_plot import threshold_plot
from tests.support.export import reports


def test_the_metric_at_the_chosen_threshold_is_told_and_all_curves_are_named() -> None:
    curve = reports.binary().outputs[0].threshold_curve
    assert curve is not None
    plot = threshold_plot(curve, 0.41, "threshold")
    # At the point that is nearest, of both models.
    assert "At a threshold of 0.41: accuracy of the Keras model 0.8900, published 0.8800" in plot
    for name in ("accuracy", "accuracy, Keras model", "precision", "recall"):
        assert f">{name}</text>" in plot
