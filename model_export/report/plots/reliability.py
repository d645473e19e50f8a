"""Reliability diagram of the Keras model and the published model."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from model_export.quality.score_calibration import Reliability, ReliabilityBin
from model_export.report.plots.svg import ACCENT, LINE, SOFT, inline_svg, plotting

_WIDTH, _HEIGHT = 440, 470


def reliability_plot(reliability: Reliability, name: str = "reliability") -> Markup:
    """Accuracy by the answer's score for both models; below, how many have these scores."""
    with plotting():
        figure = Figure((_WIDTH / 72, _HEIGHT / 72), layout="constrained")
        top, bottom = figure.subplots(2, sharex=True, height_ratios=(3, 1))
        for axes in (top, bottom):
            axes.grid(visible=True)
            axes.tick_params(length=0)
        _draw_diagram(top, reliability)
        _draw_histogram(bottom, reliability)
        told = (
            f"Expected calibration error: Keras model {reliability.reference_error:.4f}, "
            f"published {reliability.published_error:.4f}"
        )
        return inline_svg(figure, name, "Reliability diagram", told)


def _draw_diagram(axes: Axes, reliability: Reliability) -> None:
    axes.plot((0, 1), (0, 1), color=LINE, linestyle="--", linewidth=1.2)
    _draw_model(axes, reliability.reference, SOFT, "s", "--", "Keras model")
    _draw_model(axes, reliability.published, ACCENT, "o", "-", "published")
    axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), ylabel="fraction that is right")
    axes.legend(frameon=False, loc="upper left", labelcolor=SOFT)


def _draw_model(
    axes: Axes, bins: Sequence[ReliabilityBin], colour: str, mark: str, line: str, name: str
) -> None:
    points = [(b.score, b.accuracy) for b in bins if b.score is not None and b.accuracy is not None]
    axes.plot(
        [score for score, _ in points],
        [accuracy for _, accuracy in points],
        color=colour,
        marker=mark,
        markersize=6,
        fillstyle="full" if mark == "o" else "none",
        linestyle=line,
        linewidth=1.4,
        label=name,
    )


def _draw_histogram(axes: Axes, reliability: Reliability) -> None:
    _draw_counts(axes, reliability.published, filled=True)
    _draw_counts(axes, reliability.reference, filled=False)
    # Most examples have a score near 1: a linear axis would show them alone.
    axes.set_yscale("symlog", linthresh=1)
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    axes.minorticks_off()
    axes.set(xlabel="score of the answer", ylabel="examples")


def _draw_counts(axes: Axes, bins: Sequence[ReliabilityBin], *, filled: bool) -> None:
    if not bins:
        return
    axes.stairs(
        [b.examples for b in bins],
        [*(b.low for b in bins), bins[-1].high],
        fill=filled,
        color=ACCENT if filled else SOFT,
        alpha=0.6 if filled else 1.0,
        linestyle="-" if filled else "--",
        linewidth=0 if filled else 1.2,
    )
