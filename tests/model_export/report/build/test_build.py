"""The report's document: what it says of real answers."""

from __future__ import annotations

import base64
import io
import json
import tomllib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import Result
from PIL import Image

from model_export.recipe.recipe import read_recipe
from model_export.report.build.build import to_toml, verdict
from model_export.report.document.report import Report
from tests.support.models import keras_models, tiny
from tflite_serving.contract.codec import decode

Cli = Callable[..., Result]
Recipes = Callable[..., Path]


@pytest.fixture
def report_of(cli: Cli, tmp_path: Path) -> Callable[[Path], Report]:
    """Exports a recipe, and reads the report that travels with the artifact."""

    def export(recipe: Path) -> Report:
        registry = tmp_path / "registry"
        result = cli("export", recipe, "--registry", registry)
        assert result.exit_code == 0, result.stderr
        (path,) = registry.glob("models/*/versions/*/report.json")
        return decode(Report, json.loads(path.read_text()), "report")

    return export


def test_every_part_of_a_report_on_images(
    report_of: Callable[[Path], Report], recipe_for: Recipes
) -> None:
    recipe = recipe_for(
        "conv",
        model__labels=list(keras_models.LABELS),
        prune__method="magnitude",
        prune__sparsity=0.9,
        prune__epochs=0,
        quantize__variants=["float32", "static_int8"],
        gate__max_drop=1.0,
        gate__max_class_drop=1.0,
        gate__max_bytes=10**6,
    )
    report = report_of(recipe)
    (output,) = report.outputs
    assert [change.label for change in output.classes] == list(keras_models.LABELS)
    assert [change.examples for change in output.classes] == [30, 30, 30]
    assert output.confusion is not None
    counts = output.confusion.counts
    assert sum(count.reference for count in counts) == 90
    assert sum(count.published for count in counts) == 90
    right = {count.truth: count.reference for count in counts if count.truth == count.answer}
    for change in output.classes:
        assert change.reference == pytest.approx(right[change.label] / 30)
    assert output.reliability is not None
    assert output.threshold_curve is None
    assert output.values is None
    assert {budget.key for budget in report.budgets} == {
        "gate.max_drop",
        "gate.max_class_drop",
        "gate.max_bytes",
    }
    assert all(budget.value <= budget.limit for budget in report.budgets)
    layers = {cost.layer: cost for cost in report.layers}
    assert layers["hidden"].weights == 54 * 16
    assert layers["hidden"].sparsity >= 0.9
    assert layers["shape"].sparsity < 0.5
    # So many zeros change answers, and these are shown with their picture.
    assert output.changed_total > 0
    example = output.changed[0]
    assert example.reference != example.published
    kind, _, data = example.pictures["pixels"].partition(",")
    assert kind == "data:image/png;base64"
    picture = Image.open(io.BytesIO(base64.b64decode(data)))
    assert picture.size == (keras_models.SIDE, keras_models.SIDE)
    assert example.values == {}
    assert report.reproduce.startswith("python -m model_export export")


def test_answers_that_were_right_and_are_lost_come_first(
    report_of: Callable[[Path], Report], recipe_for: Recipes
) -> None:
    recipe = recipe_for(
        "conv",
        prune__method="magnitude",
        prune__sparsity=0.9,
        prune__epochs=0,
        gate__max_drop=1.0,
    )
    changed = report_of(recipe).outputs[0].changed
    lost = [example.reference == example.truth for example in changed]
    assert lost == sorted(lost, reverse=True)
    scores = [
        example.reference_score or 0 for example in changed if example.reference == example.truth
    ]
    assert scores == sorted(scores, reverse=True)


def test_inputs_that_are_no_pictures_are_shown_as_numbers(
    report_of: Callable[[Path], Report], recipe_for: Recipes
) -> None:
    recipe = recipe_for(
        "dense",
        prune__method="magnitude",
        prune__sparsity=0.97,
        prune__epochs=0,
        gate__max_drop=1.0,
    )
    changed = report_of(recipe).outputs[0].changed
    assert changed
    assert all(not example.pictures for example in changed)
    assert all(example.values["features"].count(",") == 3 for example in changed)


def test_the_recipe_in_the_report_is_the_one_that_was_run(recipe_for: Recipes) -> None:
    path = recipe_for("dense", inputs__features={})
    path.write_text(path.read_text().replace("[inputs]\nfeatures = {}", ""))
    recipe = read_recipe(path, ["gate.max_drop=0.25", "prune.distill.weight=0.75"])
    path.write_text(to_toml(recipe))
    assert tomllib.loads(path.read_text())["gate"]["max_drop"] == 0.25
    assert read_recipe(path) == recipe


@pytest.mark.parametrize(
    ("published", "size", "told"),
    [
        (0.9, 300, "accuracy 0.9000 instead of 0.9500"),
        (0.95, 300, "30 % of the float32 size, and the same accuracy, 0.9500"),
        (0.95, 1000, "no smaller than float32"),
    ],
)
def test_the_verdict_is_one_sentence(published: float, size: int, told: str) -> None:
    candidate = tiny.candidate("static_int8", size=size)
    drop = 0.95 - published
    quality = replace(candidate.outputs[0], reference=0.95, quality=published, drop=drop)
    said = verdict(replace(candidate, outputs=(quality,)), 1000)
    assert told in said
    assert said.startswith("static_int8 keeps the budget: ")
    assert said.endswith(".")
    assert ". " not in said
