"""Requests per second of all subjects as bars, on paper or on a dark page."""

from __future__ import annotations

import math

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from benchmarks.compression.document import Picture
from benchmarks.serving.measurements import Measurements
from benchmarks.serving.subjects import SUBJECTS, Subject
from benchmarks.svg_file import as_file
from model_export.report.plots.svg import ACCENT, INK, SOFT, inline_svg, plotting

_CASE = "digits c=8"
_NAME = "throughput"
_WIDTH, _ROW, _MARGIN = 760, 34, 96
"""Pixels."""
_PAD = 10 / 72
"""Inches."""


def throughput_plot(found: Measurements) -> Picture | None:
    """A bar for each subject, the fastest on top; None if nothing was measured.

    Args:
        found: all measurements.
    """
    rates = {
        subject: rate
        for subject in SUBJECTS
        if (rate := found.median("throughput", _CASE, subject.key, "per_second")) is not None
    }
    if not rates:
        return None
    ordered = sorted(rates, key=rates.__getitem__)
    told = ", ".join(f"{subject.title} {rates[subject]:,.0f}" for subject in reversed(ordered))
    description = f"Requests per second, digits, c=8: {told}."
    with plotting():
        height = _ROW * len(ordered) + _MARGIN
        figure = Figure(
            (_WIDTH / 72, height / 72), layout=ConstrainedLayoutEngine(w_pad=_PAD, h_pad=_PAD)
        )
        axes = figure.subplots()
        _draw(axes, ordered, [rates[subject] for subject in ordered])
        svg = inline_svg(figure, _NAME, description, description)
    return Picture(_NAME, description, as_file(str(svg), _WIDTH, height))


def _draw(axes: Axes, subjects: list[Subject], rates: list[float]) -> None:
    ours = [subject.key in ("asgi", "wsgi") for subject in subjects]
    bars = axes.barh(
        range(len(subjects)), rates, 0.62, color=[ACCENT if own else SOFT for own in ours]
    )
    labels = [f"{rate:,.0f}" for rate in rates]
    axes.bar_label(bars, labels, padding=5, color=INK, fontsize=11)
    axes.set_yticks(range(len(subjects)), [subject.title for subject in subjects], color=INK)
    axes.tick_params(axis="y", length=0)
    axes.set_xscale("log")
    # A power of ten, so that a bar's length does not depend on the slowest one.
    axes.set_xlim(10 ** math.floor(math.log10(min(rates) / 1.1)), max(rates) * 2)
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    axes.minorticks_off()
    axes.grid(axis="x")
    axes.set_xlabel("requests per second (logarithmic), one worker process each")
    axes.set_title("Digits classifier, 8 clients: requests per second", loc="left", color=INK)
