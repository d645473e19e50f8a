"""The ranking of layers, in a file of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from model_export.report.plots.sensitivity_plot import draw_sensitivity
from model_export.steps.sensitivity import Effect, LayerSensitivity, Sensitivity

FOUND = Sensitivity(
    model="flowers",
    metric="accuracy",
    reference=0.9,
    examples=60,
    sparsity=0.5,
    variant="static_int8",
    layers=(
        LayerSensitivity("head $x$", 30, Effect(0.25, 0.125), Effect(-0.01, 0.002)),
        LayerSensitivity("a" * 60, 10, None, Effect(0.0, 0.0)),
    ),
)


def test_each_layer_has_its_name_and_its_drops(tmp_path: Path) -> None:
    path = tmp_path / "ranking.svg"
    draw_sensitivity(FOUND, path)
    # Words are paths there, and beside them comments with what they say.
    svg = path.read_text()
    for text in ("head $x$", "+0.2500", "-0.0100", "pruned to 50%", "static_int8"):
        assert f"<!-- {text} -->" in svg
    assert "a" * 60 not in svg


@pytest.mark.parametrize(("suffix", "start"), [("png", b"\x89PNG"), ("pdf", b"%PDF")])
def test_the_suffix_says_the_format(tmp_path: Path, suffix: str, start: bytes) -> None:
    path = tmp_path / f"ranking.{suffix}"
    draw_sensitivity(FOUND, path)
    assert path.read_bytes().startswith(start)
