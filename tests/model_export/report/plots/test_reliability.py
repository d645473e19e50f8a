"""The reliability diagram."""

from __future__ import annotations

from model_export.quality.score_calibration import Reliability
from model_export.report.plots.reliability import reliability_plot
from tests.support.export import reports


def found() -> Reliability:
    reliability = reports.digits().outputs[0].reliability
    assert reliability is not None
    return reliability


def test_both_models_are_drawn_and_their_errors_told() -> None:
    reliability = found()
    plot = reliability_plot(reliability)
    assert 'class="plot-reliability"' in plot
    for name in ("Keras model", "published"):
        assert f">{name}</text>" in plot
    assert (
        f"Expected calibration error: Keras model {reliability.reference_error:.4f}, published "
        f"{reliability.published_error:.4f}"
    ) in plot


def test_a_model_without_any_score_is_drawn_empty() -> None:
    nothing = Reliability(reference=(), published=(), reference_error=0.0, published_error=0.0)
    assert "<svg" in reliability_plot(nothing, "empty")
