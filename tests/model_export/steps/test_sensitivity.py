"""Which layers bear pruning and int8: each alone, and nothing is left changed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from model_export.quantization.quantize import calibrate

Cli = Callable[..., Result]
Recipes = Callable[..., Path]


def ranking(cli: Cli, recipe: Path, *options: str) -> dict[str, Any]:
    result = cli("sensitivity", recipe, "--json", *options)
    assert result.exit_code == 0, result.stderr
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def test_every_layer_is_pruned_and_quantized_alone(cli: Cli, recipe_for: Recipes) -> None:
    found = ranking(cli, recipe_for("conv", prune__sparsity=0.8))
    layers = {layer["layer"]: layer for layer in found["layers"]}
    assert {"edges", "hidden", "shape"} <= set(layers)
    assert layers["hidden"]["weights"] == 54 * 16
    assert (found["sparsity"], found["variant"], found["examples"]) == (0.8, "static_int8", 60)
    for name in ("edges", "hidden", "shape"):
        assert layers[name]["pruning"]["error"] > 0
        assert layers[name]["quantization"]["error"] > 0
    # A depthwise kernel is never pruned, but it is quantized.
    assert layers["depth"]["pruning"] is None
    assert layers["depth"]["quantization"]["error"] > 0


def test_the_most_sensitive_layer_comes_first(cli: Cli, recipe_for: Recipes) -> None:
    found = ranking(cli, recipe_for("conv", prune__sparsity=0.9))
    worst = [
        max(effect["drop"] for effect in (layer["pruning"], layer["quantization"]) if effect)
        for layer in found["layers"]
    ]
    assert worst == sorted(worst, reverse=True)
    assert worst[0] > 0.1


def test_more_zeros_move_the_output_further(cli: Cli, recipe_for: Recipes) -> None:
    few, many = (
        ranking(cli, recipe_for("dense", prune__sparsity=sparsity)) for sparsity in (0.1, 0.9)
    )

    def error(found: dict[str, Any]) -> float:
        layer = next(layer for layer in found["layers"] if layer["layer"] == "hidden")
        return float(layer["pruning"]["error"])

    assert error(few) < error(many)


def test_the_ranking_is_the_same_each_time_so_that_no_layer_stays_changed(
    cli: Cli, recipe_for: Recipes
) -> None:
    recipe = recipe_for("dense")
    assert ranking(cli, recipe) == ranking(cli, recipe)


def test_the_recipe_says_which_variant(cli: Cli, recipe_for: Recipes) -> None:
    recipe = recipe_for("dense", quantize__variants=["float32", "dynamic_int8"])
    assert ranking(cli, recipe)["variant"] == "dynamic_int8"


def test_the_recipe_says_how_ranges_are_found(
    cli: Cli, recipe_for: Recipes, monkeypatch: pytest.MonkeyPatch
) -> None:
    methods = []

    def noted(*asked: Any) -> Any:
        methods.append(asked[2])
        return calibrate(*asked)

    monkeypatch.setattr("model_export.steps.convert.calibrate", noted)
    ranking(cli, recipe_for("dense", calibration__method="moving_average"))
    assert methods == ["moving_average"]


def test_a_saved_model_is_quantized_and_not_pruned(
    cli: Cli, recipe_for: Recipes, saved: Callable[[str], Any], tmp_path: Path
) -> None:
    saved("dense").model.export(tmp_path / "model", verbose=False)
    recipe = recipe_for("dense", model__source=str(tmp_path / "model"))
    found = ranking(cli, recipe)
    assert found["layers"]
    assert all(layer["pruning"] is None for layer in found["layers"])


def test_people_get_a_table_and_a_picture(cli: Cli, recipe_for: Recipes, tmp_path: Path) -> None:
    result = cli("sensitivity", recipe_for("dense"), "--plot", tmp_path / "ranking.svg")
    assert result.exit_code == 0, result.stderr
    assert "hidden" in result.stdout
    assert "50% zeros: drop" in result.stdout
    assert (tmp_path / "ranking.svg").read_text().startswith("<?xml")


def test_a_picture_of_an_unknown_kind_is_refused_before_anything_is_done(
    cli: Cli, recipe_for: Recipes, tmp_path: Path
) -> None:
    result = cli("sensitivity", recipe_for("dense"), "--plot", tmp_path / "ranking.doc")
    assert result.exit_code == 2
    assert "expected one of .svg, .png, .pdf" in result.stderr
    assert "load" not in result.stderr


@pytest.mark.parametrize("option", ["prune.sparsity=1.5", "prune.nothing=1"])
def test_a_wrong_recipe_is_refused(cli: Cli, recipe_for: Recipes, option: str) -> None:
    assert cli("sensitivity", recipe_for("dense"), "--set", option).exit_code == 2
