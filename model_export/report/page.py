"""Renders the report as one HTML file that needs no network."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import jinja2

from model_export.report import formats
from model_export.report.classes import (
    MOST,
    change,
    changed_pairs,
    heat_map,
    most_changed,
)
from model_export.report.document import LayerCost, Report
from model_export.report.examples import is_small, outcome
from model_export.report.pareto import front, pareto_plot
from model_export.report.reliability import reliability_plot


def render(report: Report) -> bytes:
    """The report as a page.

    Returns:
        HTML, UTF-8; the same bytes for the same report.
    """
    candidates = report.compression.candidates
    html = (
        _environment()
        .get_template("page.html")
        .render(
            report=report,
            chosen=report.compression.chosen,
            float32=next((c for c in candidates if c.name == "float32" and not c.chosen), None),
            front=front(candidates, lower_is_better=report.quality.lower_is_better),
            pareto=pareto_plot(report),
            classes=most_changed(report.classes),
            pairs=changed_pairs(report.confusion) if report.confusion else [],
            heat_map=heat_map,
            most=MOST,
            zeros=sparsity(report.layers),
            reliability=reliability_plot(report.reliability) if report.reliability else None,
        )
    )
    return html.encode()


@cache
def _environment() -> jinja2.Environment:
    """With its templates, which take longer to compile than to render."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("model_export.report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_visible,
    )
    environment.filters |= {
        "number": formats.number,
        "signed": formats.signed,
        "ms": formats.milliseconds,
        "percent": formats.percent,
        "plus": formats.plus,
        "size": formats.size,
        "outcome": outcome,
        "change": change,
    }
    environment.tests["small"] = is_small
    return environment


def _visible(value: object) -> object:
    # Markup is a str, too, and is what this page itself makes.
    return formats.visible(value) if type(value) is str else value


def sparsity(layers: Sequence[LayerCost]) -> float:
    """Fraction of zeros among the weights of all layers."""
    zeros = sum(layer.sparsity * layer.weights for layer in layers)
    return zeros / max(sum(layer.weights for layer in layers), 1)
