"""Renders the report as one self-contained HTML file."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import jinja2

from model_export.report.document import formats
from model_export.report.document.report import LayerCost, Report
from model_export.report.page.classes import MOST, change, heat_map, kind, more
from model_export.report.page.examples import is_small, is_wordy, outcome
from model_export.report.page.views import MOST_OUTPUTS, views


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
            several=len(report.outputs) > 1,
            views=views(report),
            heat_map=heat_map,
            most=MOST,
            most_outputs=MOST_OUTPUTS,
            zeros=sparsity(report.layers),
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
        "more": more,
        "kind": kind,
    }
    environment.tests |= {"small": is_small, "wordy": is_wordy}
    return environment


def _visible(value: object) -> object:
    # Markup is a str, too, and is what this page itself makes.
    return formats.visible(value) if type(value) is str else value


def sparsity(layers: Sequence[LayerCost]) -> float:
    """Fraction of zeros among the weights of all layers."""
    zeros = sum(layer.sparsity * layer.weights for layer in layers)
    return zeros / max(sum(layer.weights for layer in layers), 1)
