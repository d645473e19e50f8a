"""Renders the report as one HTML file that needs no network."""

from __future__ import annotations

import jinja2

from model_export.package import Description


def render(description: Description) -> bytes:
    """The report.

    Args:
        description: what is known of the artifact.

    Returns:
        HTML, UTF-8.
    """
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("model_export.report", "."),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    candidates = description.compression.candidates
    html = environment.get_template("page.html").render(
        artifact=description,
        verdict=description.verdict,
        slowest=max(candidate.latency_ms.p50 for candidate in candidates),
        largest=max(candidate.bytes for candidate in candidates),
    )
    return html.encode()
