"""Memory over requests, as a picture."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from benchmarks.soak.memory import Sample
from benchmarks.svg_file import as_file
from model_export.report.plots.svg import ACCENT, INK, SOFT, inline_svg, plotting

_WIDTH, _HEIGHT = 760, 340
"""Pixels."""
_PAD = 10 / 72
"""Inches."""


def memory_plot(samples: list[Sample], summary: str) -> bytes:
    """An SVG file with the worker's memory over the requests that it answered.

    Args:
        samples: in their order, at least one.
        summary: for those who do not see it.
    """
    with plotting():
        figure = Figure(
            (_WIDTH / 72, _HEIGHT / 72), layout=ConstrainedLayoutEngine(w_pad=_PAD, h_pad=_PAD)
        )
        _draw(figure.subplots(), samples)
        svg = inline_svg(figure, "soak", "Memory of the function's process", summary)
    return as_file(str(svg), _WIDTH, _HEIGHT)


def _draw(axes: Axes, samples: list[Sample]) -> None:
    asked = [sample.requests for sample in samples]
    rss = [sample.rss_mib for sample in samples]
    pss = [sample.pss_mib for sample in samples]
    axes.plot(asked, rss, color=ACCENT, linewidth=1.6)
    axes.plot(asked, pss, color=SOFT, linewidth=1.0)
    for name, values, colour, gap in (("RSS", rss, ACCENT, 4), ("PSS", pss, SOFT, -4)):
        axes.annotate(
            name,
            (asked[-1], values[-1]),
            (6, gap),
            textcoords="offset points",
            color=colour,
            va="center",
            fontsize=11,
        )
    axes.set_ylim(0, max(rss) * 1.15)
    axes.set_xlim(0, asked[-1] * 1.05)
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    axes.grid(axis="y")
    axes.set_xlabel("requests")
    axes.set_ylabel("MiB")
    axes.set_title("Memory of the function's process under mixed load", loc="left", color=INK)
