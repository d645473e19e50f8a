"""Names of points cover neither each other nor the points."""

from __future__ import annotations

from itertools import combinations

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Annotation
from matplotlib.transforms import Bbox

from model_export.report.plots.labels import place_labels

RADIUS = 4.0


def placed(points: list[tuple[float, float]], size: float = 6) -> tuple[Axes, list[Annotation]]:
    figure = Figure((size, size), dpi=72)
    axes = figure.subplots()
    axes.set(xlim=(0, 1), ylim=(0, 1))
    labels = [
        axes.annotate(
            f"point {index}",
            point,
            xytext=(0, 0),
            textcoords="offset pixels",
            ha="center",
            va="center",
        )
        for index, point in enumerate(points)
    ]
    FigureCanvasAgg(figure).draw()  # type: ignore[no-untyped-call]
    place_labels(axes, points, [RADIUS] * len(points), labels, [])
    return axes, [label for label in labels if label in axes.texts]


def boxes(axes: Axes, labels: list[Annotation]) -> list[Bbox]:
    renderer = FigureCanvasAgg(axes.figure).get_renderer()  # type: ignore[arg-type,no-untyped-call]
    return [Annotation.get_window_extent(label, renderer) for label in labels]


def test_names_of_points_at_one_place_are_apart_and_within_the_frame() -> None:
    axes, labels = placed([(0.5, 0.5), (0.5, 0.5), (0.52, 0.5), (0.99, 0.99)])
    assert len(labels) == 4
    found = boxes(axes, labels)
    assert not any(one.overlaps(other) for one, other in combinations(found, 2))
    frame = axes.get_window_extent()
    assert all(frame.contains(box.x0, box.y0) and frame.contains(box.x1, box.y1) for box in found)


def test_a_name_that_is_far_from_its_point_has_a_line_to_it() -> None:
    axes, _ = placed([(0.5, 0.5)])
    assert not axes.lines
    crowded, labels = placed([(0.5, 0.5)] * 20)
    assert labels
    assert crowded.lines


def test_a_name_without_a_free_place_is_removed_and_the_first_may_choose() -> None:
    _, labels = placed([(0.5, 0.5)] * 60, size=2)
    assert 0 < len(labels) < 60
    assert labels[0].get_text() == "point 0"
