"""Plot of a regression's predictions against their targets, before and after compression."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import PathPatch
from matplotlib.path import Path
from matplotlib.ticker import FuncFormatter, MaxNLocator

from model_export.report.document.formats import number, one_line, tick
from model_export.report.document.output import OutputReport
from model_export.report.plots.svg import ACCENT, LINE, SOFT, inline_svg, plotting

_WIDTH, _HEIGHT = 440, 470
_UNITS_WIDTH = 20


def values_plot(output: OutputReport, name: str) -> Markup | None:
    """Both models' answers by the truth; below, the published model's minus the Keras model's.

    Args:
        output: of a regression.
        name: of the plot, unique in the page.

    Returns:
        None if there is nothing to draw.
    """
    assert output.values is not None
    if not output.values.points:
        return None
    truth, reference, published = (list(each) for each in zip(*output.values.points, strict=True))
    units = f", {one_line(output.units, _UNITS_WIDTH)}" if output.units else ""
    with plotting():
        figure = Figure((_WIDTH / 72, _HEIGHT / 72), layout="constrained")
        top, bottom = figure.subplots(2, sharex=True, height_ratios=(3, 1.3))
        for axes in (top, bottom):
            axes.grid(visible=True)
            axes.tick_params(length=0)
            axes.xaxis.set_major_locator(MaxNLocator(5))
            for axis in (axes.xaxis, axes.yaxis):
                axis.set_major_formatter(FuncFormatter(lambda value, _: tick(value)))
        ends = min(truth), max(truth)
        top.plot(ends, ends, color=LINE, linestyle="--", linewidth=1.2, zorder=1)
        _draw_points(top, truth, reference, SOFT, 6.0, "Keras model")
        _draw_points(top, truth, published, ACCENT, 3.6, "published")
        top.legend(frameon=False, loc="upper left", labelcolor=SOFT)
        top.set_ylabel(f"answer{units}")
        bottom.axhline(0, color=SOFT, linewidth=0.9)
        moved = [after - before for before, after in zip(reference, published, strict=True)]
        _draw_points(bottom, truth, moved, ACCENT, 3.6, "")
        bottom.yaxis.set_major_locator(MaxNLocator(4))
        bottom.set(xlabel=f"truth{units}", ylabel="moved by")
        change = output.values.changes[output.values.plotted]
        told = (
            f"Mean absolute error: Keras model {number(change.reference_error)}, published "
            f"{number(change.published_error)}; moved by {number(change.moved)} at most"
        )
        return inline_svg(figure, name, "Answers against the truth", told)


def _draw_points(
    axes: Axes, xs: Sequence[float], ys: Sequence[float], colour: str, size: float, label: str
) -> None:
    """Points as one path of lines without length, a tenth of what as many marks would take."""
    vertices = np.repeat(np.stack([xs, ys], axis=1), 2, axis=0)
    path = Path(vertices, np.tile([Path.MOVETO, Path.LINETO], len(xs)))
    path.should_simplify = False
    axes.add_patch(PathPatch(path, edgecolor=colour, linewidth=size, capstyle="round", fill=False))
    axes.update_datalim(vertices)
    axes.autoscale_view()
    if label:
        axes.plot([], [], "o", color=colour, markersize=size, label=label)
