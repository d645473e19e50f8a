"""Bar chart of the layers' sensitivity to pruning and int8, as a separate file."""

from __future__ import annotations

from pathlib import Path

import matplotlib.style
from matplotlib.figure import Figure

from model_export.report.document.formats import clipped, visible
from model_export.steps.sensitivity import Sensitivity

_ROW, _WIDTH, _MARGIN = 0.34, 8.0, 1.5
"""Inches."""
_NAME = 40


def draw_sensitivity(found: Sensitivity, path: Path) -> None:
    """Draws the ranking as bars.

    Args:
        found: the ranking.
        path: of the file; its suffix says which format.
    """
    layers = found.layers[::-1]  # the first one on top
    places = range(len(layers))
    with matplotlib.style.context(["default", {"text.parse_math": False}]):
        figure = Figure((_WIDTH, _MARGIN + _ROW * len(layers)), layout="constrained")
        axes = figure.subplots()
        for offset, label, color, effects in (
            (0.2, f"pruned to {found.sparsity:.0%}", "#c05a1c", [x.pruning for x in layers]),
            (-0.2, found.variant, "#005a9c", [x.quantization for x in layers]),
        ):
            errors = [effect.error if effect else 0.0 for effect in effects]
            bars = axes.barh([p + offset for p in places], errors, 0.36, color=color, label=label)
            drops = [f"{effect.drop:+.4f}" if effect else "" for effect in effects]
            axes.bar_label(bars, drops, padding=3, fontsize=8)
        axes.set_yticks(places, [clipped(visible(layer.layer), _NAME) for layer in layers])
        axes.set_xlabel(
            f"how far the output moves (root mean square); beside it, the drop in {found.metric}"
        )
        axes.margins(x=0.12)
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(frameon=False, loc="lower right")
        axes.set_title(f"{found.model}: each layer changed alone", loc="left")
        figure.savefig(path, dpi=120)
