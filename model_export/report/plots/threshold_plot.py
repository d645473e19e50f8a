"""Plot of the metric, precision and recall against the decision threshold."""

from __future__ import annotations

import math

from markupsafe import Markup
from matplotlib.figure import Figure

from model_export.quality.thresholds import ThresholdCurve
from model_export.report.document.formats import number
from model_export.report.plots.svg import ACCENT, INK, SOFT, WORSE, inline_svg, plotting

_WIDTH, _HEIGHT = 440, 340


def threshold_plot(curve: ThresholdCurve, threshold: float, name: str) -> Markup:
    """The metric of both models by threshold, with precision and recall of the published one.

    Args:
        curve: what is drawn.
        threshold: that was chosen.
        name: of the plot, unique in the page.
    """
    points = curve.points
    at = [point.threshold for point in points]
    metric = curve.metric.replace("_", " ")
    # Where nothing is said to be positive, there is none.
    precision = [math.nan if point.precision is None else point.precision for point in points]
    with plotting():
        figure = Figure((_WIDTH / 72, _HEIGHT / 72), layout="constrained")
        axes = figure.subplots()
        axes.grid(visible=True)
        axes.tick_params(length=0)
        axes.axvline(threshold, color=INK, linewidth=1.2)
        axes.plot(
            at,
            [p.reference for p in points],
            color=SOFT,
            linestyle="--",
            linewidth=1.4,
            label=f"{metric}, Keras model",
        )
        axes.plot(at, [p.published for p in points], color=ACCENT, linewidth=2.2, label=metric)
        axes.plot(at, precision, color=ACCENT, linestyle=":", linewidth=1.6, label="precision")
        axes.plot(
            at,
            [p.recall for p in points],
            color=WORSE,
            linestyle="-.",
            linewidth=1.4,
            label="recall",
        )
        axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), xlabel="threshold")
        figure.legend(frameon=False, loc="outside upper center", ncols=2, labelcolor=SOFT)
        nearest = min(points, key=lambda point: abs(point.threshold - threshold))
        told = (
            f"At a threshold of {threshold:g}: {metric} of the Keras model "
            f"{number(nearest.reference)}, published {number(nearest.published)}"
        )
        return inline_svg(figure, name, "Other thresholds", told)
