"""Places the names of points in a plot so that they cover neither each other nor the points."""

from __future__ import annotations

import math
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg, RendererAgg
from matplotlib.lines import Line2D
from matplotlib.text import Annotation, Text
from matplotlib.transforms import Bbox, IdentityTransform

from model_export.report.plots.svg import SOFT

_GAP = 3.0
_DISTANCES = (0.0, 8.0, 20.0, 34.0, 50.0, 70.0, 95.0, 125.0, 160.0, 200.0)
_FAR = 8.0
"""Pixels from which a line leads from the name to its point."""
_ALONG_A_LINE = (0.995, 0.85, 0.7, 0.55, 0.4, 0.25)
_DIRECTIONS = tuple(
    (math.cos(math.radians(angle)), math.sin(math.radians(angle)))
    for angle in (0, 180, 90, 270, 30, 330, 150, 210, 60, 300, 120, 240)
)


def place_labels(
    axes: Axes,
    points: Sequence[tuple[float, float]],
    radii: Sequence[float],
    labels: Sequence[Annotation],
    lines: Sequence[Text],
) -> None:
    """Moves each name to the nearest free place; removes one that has none.

    Args:
        axes: with their final limits and layout.
        points: in data coordinates.
        radii: of their marks, in pixels.
        labels: of the points, in the order in which they may choose.
        lines: names of horizontal lines, at their right end.
    """
    renderer = FigureCanvasAgg(axes.figure).get_renderer()  # type: ignore[arg-type,no-untyped-call]
    frame = axes.get_window_extent(renderer)
    centers = [axes.transData.transform(point) for point in points]
    occupied = [_box(x, y, 2 * r, 2 * r) for (x, y), r in zip(centers, radii, strict=True)]
    for line in lines:
        occupied.append(_move_aside(line, renderer, occupied))
    for (x, y), radius, label in zip(centers, radii, labels, strict=True):
        extent = label.get_window_extent(renderer)
        place = _free_place(x, y, radius, extent, frame, occupied)
        if place is None:
            label.remove()
            continue
        distance, box = place
        occupied.append(box)
        label.set_position(((box.x0 + box.x1) / 2 - x, (box.y0 + box.y1) / 2 - y))
        if distance > _FAR:
            nearest = min(max(x, box.x0), box.x1), min(max(y, box.y0), box.y1)
            axes.add_line(_leader((x, y), nearest))


def _leader(point: tuple[float, float], label: tuple[float, float]) -> Line2D:
    xs, ys = zip(point, label, strict=True)
    return Line2D(xs, ys, color=SOFT, linewidth=0.8, transform=IdentityTransform(), zorder=1)


def _move_aside(line: Text, renderer: RendererAgg, occupied: Sequence[Bbox]) -> Bbox:
    """Moves the name of a horizontal line to the left until it is free."""
    extent = line.get_window_extent(renderer)
    for right in _ALONG_A_LINE:
        line.set_x(right)
        extent = line.get_window_extent(renderer)
        if not any(extent.overlaps(other) for other in occupied):
            break
    return extent


def _free_place(
    x: float, y: float, radius: float, extent: Bbox, frame: Bbox, occupied: Sequence[Bbox]
) -> tuple[float, Bbox] | None:
    for distance in _DISTANCES:
        reach = radius + _GAP + distance
        for right, up in _DIRECTIONS:
            # The label's nearest edge, not its center, is that far away.
            center = (
                x + right * (reach + extent.width / 2),
                y + up * (reach + extent.height / 2),
            )
            box = _box(*center, extent.width, extent.height)
            inside = frame.x0 <= box.x0 and box.x1 <= frame.x1
            inside = inside and frame.y0 <= box.y0 and box.y1 <= frame.y1
            if inside and not any(box.overlaps(other) for other in occupied):
                return distance, box
    return None


def _box(x: float, y: float, width: float, height: float) -> Bbox:
    return Bbox.from_bounds(x - width / 2, y - height / 2, width, height)
