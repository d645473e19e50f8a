"""Pareto plot of the candidates: quality against latency, mark size by file size."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Annotation, Text
from matplotlib.ticker import FuncFormatter, MaxNLocator

from model_export.report.document.formats import milliseconds, number, one_line, tick
from model_export.report.document.output import OutputReport
from model_export.report.document.report import Report
from model_export.report.plots.labels import place_labels
from model_export.report.plots.svg import (
    ACCENT,
    INK,
    PAPER,
    SOFT,
    WORSE,
    inline_svg,
    plotting,
)
from tflite_serving.contract.evidence import Candidate, OutputQuality

_WIDTH, _HEIGHT = 440, 360
_LARGEST, _SMALLEST = 17.0, 3.0
"""Radii of marks, in pixels."""
_LABEL_WIDTH = 22


def pareto_plot(report: Report, output: OutputReport, name: str = "pareto") -> Markup | None:
    """Each candidate as a mark: right is slower, up is better, large is large.

    Args:
        report: with the candidates.
        output: whose quality is shown.
        name: of the plot, unique in the page.

    Returns:
        None if there is nothing to compare.
    """
    quality = output.quality
    shown = [c for c in judged_by(report, output) if math.isfinite(c.quality)]
    if len(shown) < 2:
        return None
    # The chosen one's name finds a place first.
    shown.sort(key=lambda c: (not c.chosen, -c.bytes))
    radii = [_radius(c, max(c.bytes for c in shown)) for c in shown]
    levels = _levels(report, quality)
    with plotting():
        figure = Figure((_WIDTH / 72, _HEIGHT / 72), layout="constrained")
        axes = figure.subplots()
        _prepare(axes, quality, shown, [level for level, _ in levels])
        _draw_front(axes, front(shown, lower_is_better=quality.lower_is_better))
        lines = [_draw_level(axes, *levels[index], below=index > 0) for index in range(len(levels))]
        for candidate, radius in zip(shown, radii, strict=True):
            _draw_mark(axes, candidate, radius)
        labels = [_label(axes, candidate) for candidate in shown]
        figure.draw_without_rendering()
        figure.set_layout_engine("none")
        place_labels(axes, [_point(c) for c in shown], radii, labels, lines)
        return inline_svg(figure, name, "Quality against latency", _told(quality.metric, shown))


def judged_by(report: Report, output: OutputReport) -> list[Candidate]:
    """The candidates with the quality of this output."""
    return [
        next(
            (
                replace(candidate, quality=each.quality)
                for each in candidate.outputs
                if each.output == output.name
            ),
            candidate,
        )
        for candidate in report.compression.candidates
    ]


def front(candidates: Sequence[Candidate], *, lower_is_better: bool) -> list[Candidate]:
    """Those that no other one beats in both latency and quality, the fastest first."""
    best: list[Candidate] = []
    sign = 1 if lower_is_better else -1
    finite = [candidate for candidate in candidates if math.isfinite(candidate.quality)]
    for candidate in sorted(finite, key=lambda c: (c.latency_ms.p50, sign * c.quality)):
        if (
            not best
            or sign * candidate.quality < sign * best[-1].quality
            or _point(candidate) == _point(best[-1])
        ):
            best.append(candidate)
    return best


def _levels(report: Report, quality: OutputQuality) -> list[tuple[float, str]]:
    """The reference's quality, and the worst that the budget allows."""
    worse = 1 if quality.lower_is_better else -1
    levels = [(quality.reference, "Keras model")]
    levels += [
        (quality.reference + worse * budget.limit, "max_drop")
        for budget in report.budgets
        # With a confidence, it is the interval that must keep the budget, not the mark.
        if budget.output == quality.output
        and budget.key.endswith(".max_drop")
        and budget.value == quality.drop
    ]
    return [level for level in levels if math.isfinite(level[0])]


def _prepare(
    axes: Axes, quality: OutputQuality, shown: Sequence[Candidate], levels: Sequence[float]
) -> None:
    axes.set_xlim(_limits([c.latency_ms.p50 for c in shown]))
    axes.set_ylim(_limits([*levels, *(c.quality for c in shown)]))
    axes.yaxis.set_inverted(quality.lower_is_better)
    axes.grid(visible=True)
    axes.tick_params(length=0)
    axes.set_xlabel("p50 latency of one instance, ms")
    axes.set_ylabel(one_line(quality.metric, 30))
    axes.xaxis.set_major_locator(MaxNLocator(5))
    axes.yaxis.set_major_locator(MaxNLocator(6))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: tick(value)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: number(value)))


def _limits(values: Sequence[float]) -> tuple[float, float]:
    """Around the values, with room for the marks and their names."""
    low, high = min(values), max(values)
    room = 0.16 * (high - low) or 0.1 * abs(high) or 1
    return low - room, high + room


def _draw_front(axes: Axes, best: Sequence[Candidate]) -> None:
    xs, ys = zip(*(_point(candidate) for candidate in best), strict=True)
    # From the lower edge to the right one: all that lies on that side is beaten.
    xs, ys = (xs[0], *xs, axes.get_xlim()[1]), (axes.get_ylim()[0], *ys, ys[-1])
    axes.plot(xs, ys, drawstyle="steps-post", color=SOFT, linewidth=1.2, zorder=1)


def _draw_level(axes: Axes, level: float, name: str, *, below: bool) -> Text:
    axes.axhline(level, color=SOFT, linewidth=0.9, linestyle="--" if below else "-.", zorder=1)
    return axes.text(
        0.995,
        level,
        name,
        transform=axes.get_yaxis_transform(),
        ha="right",
        va="top" if below else "bottom",
        size=11,
        color=SOFT,
    )


def _label(axes: Axes, candidate: Candidate) -> Annotation:
    label = axes.annotate(
        one_line(candidate.name, _LABEL_WIDTH),
        _point(candidate),
        (0, 0),
        textcoords="offset pixels",
        ha="center",
        va="center",
        color=INK,
        weight="bold" if candidate.chosen else "normal",
    )
    label.set_in_layout(False)
    return label


def _draw_mark(axes: Axes, candidate: Candidate, radius: float) -> None:
    point = _point(candidate)
    size = 2 * radius
    above = 3 - radius / _LARGEST  # small marks lie on large ones
    if not candidate.passes:
        axes.plot(*point, "o", markersize=size, color=WORSE, fillstyle="none", zorder=above)
        axes.plot(*point, "x", markersize=max(size * 0.5, 5), color=WORSE, zorder=above)
        return
    axes.plot(*point, "o", markersize=size, color=ACCENT, markeredgecolor=PAPER, zorder=above)
    if candidate.chosen:
        axes.plot(*point, "o", markersize=size + 6, color=INK, fillstyle="none", zorder=above)


def _radius(candidate: Candidate, largest: int) -> float:
    # Area, not radius, is what people compare.
    return max(_SMALLEST, _LARGEST * math.sqrt(candidate.bytes / max(largest, 1)))


def _point(candidate: Candidate) -> tuple[float, float]:
    return candidate.latency_ms.p50, candidate.quality


def _told(metric: str, shown: Sequence[Candidate]) -> str:
    told = "; ".join(
        f"{c.name}: {metric} {number(c.quality)}, "
        f"{milliseconds(c.latency_ms.p50)} ms, {c.bytes:,} bytes"
        f"{', chosen' if c.chosen else '' if c.passes else ', misses the budget'}"
        for c in shown
    )
    return one_line(told)
