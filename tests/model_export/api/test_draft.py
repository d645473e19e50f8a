"""Drafts of recipes: what a model shows is filled in, and all else is a comment that holds."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from click.testing import Result

from model_export import Recipe, read_recipe
from model_export.api.section_comments import comment_lines
from model_export.recipe.gate import GateSection
from tests.support.models import keras_models

Cli = Callable[..., Result]
Models = Callable[[str], Any]
layers = keras.layers
QUICK = ('quantize.variants=["float32"]', "measure.rounds=2", "measure.starts=1")


def drafted(cli: Cli, model: Path, folder: Path, *options: object) -> tuple[str, Recipe]:
    path = folder / "recipe.toml"
    result = cli("init", model, "--output", path, *options)
    assert result.exit_code == 0, result.stderr
    assert f"export {path}" in result.stdout
    return path.read_text(), read_recipe(path)


def file_of(model: Any, path: Path, loss: Any = None) -> Path:
    if loss is not None:
        model.compile("adam", loss)
    model.save(path)
    return path


def people() -> Any:
    """A number and a category to a number and a yes or no."""
    age = keras.Input((1,), name="age")
    job = keras.Input((1,), dtype="string", name="job")
    known = layers.StringLookup(vocabulary=["cook", "nurse"], output_mode="one_hot")
    hidden = layers.Dense(4, activation="relu")(layers.Concatenate()([age, known(job)]))
    heads = {
        "income": layers.Dense(1, name="income")(hidden),
        "leaves": layers.Dense(1, activation="sigmoid", name="leaves")(hidden),
    }
    return keras.Model([age, job], heads)


def uncommented(text: str) -> str:
    """The draft with every commented key that has a value."""
    lines = [re.sub(r"^# ([\w.]+ = )(?!…)", r"\1", line) for line in text.splitlines()]
    return "\n".join(lines)


def test_the_draft_of_a_table_is_exported(cli: Cli, saved: Models, tmp_path: Path) -> None:
    text, recipe = drafted(cli, saved("dense").path, tmp_path, "--data", saved("dense").data)
    assert recipe.model.name == "dense"
    assert recipe.model.task == "classification"
    assert (tmp_path / recipe.model.source).resolve() == saved("dense").path
    assert '# labels = ["0", "1", "2"]' in text
    settings = [part for setting in QUICK for part in ("--set", setting)]
    result = cli("export", tmp_path / "recipe.toml", "--registry", tmp_path / "registry", *settings)
    assert result.exit_code == 0, result.stderr


def test_what_is_a_comment_is_what_holds_without_it(
    cli: Cli, saved: Models, tmp_path: Path
) -> None:
    text, recipe = drafted(cli, saved("dense").path, tmp_path)
    document = tomllib.loads(uncommented(text))
    sections = {field: type(getattr(recipe, field)) for field in ("gate", "measure", "quantize")}
    for name, section in sections.items():
        assert section(**{k: _tuples(v) for k, v in document[name].items()}) == getattr(
            Recipe(model=recipe.model, data=recipe.data), name
        )
    assert document["prune"]["distill"] == {"temperature": 4.0, "weight": 0.5}


def _tuples(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


@pytest.mark.parametrize(
    ("last", "loss", "task"),
    [
        (layers.Dense(3, activation="softmax"), None, "classification"),
        (layers.Dense(1, activation="sigmoid"), None, "classification"),
        (layers.Dense(3, activation="sigmoid"), "binary_crossentropy", "multi_label"),
        (layers.Dense(3), "categorical_crossentropy", "classification"),
        (layers.Dense(1), "mse", "regression"),
        (layers.Dense(2), keras.losses.Huber(), "regression"),
        (layers.Dense(1), keras.losses.BinaryCrossentropy(from_logits=True), "classification"),
    ],
)
def test_the_task_is_read_off_the_last_layer_and_the_loss(
    cli: Cli, tmp_path: Path, last: Any, loss: Any, task: str
) -> None:
    model = keras.Sequential([keras.Input((4,)), last])
    text, recipe = drafted(cli, file_of(model, tmp_path / "m.keras", loss), tmp_path)
    assert recipe.model.task == task
    assert "a guess" not in text
    assert (recipe.gate.metric == "mae") == (task == "regression")


@pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5")
def test_the_loss_of_an_older_file_is_read(cli: Cli, tmp_path: Path) -> None:
    model = keras.Sequential([keras.Input((4,)), layers.Dense(1)])
    _, recipe = drafted(cli, file_of(model, tmp_path / "m.h5", "mse"), tmp_path)
    assert recipe.model.task == "regression"


def test_a_task_that_nothing_shows_is_a_guess(cli: Cli, tmp_path: Path) -> None:
    model = file_of(keras.Sequential([keras.Input((4,)), layers.Dense(3)]), tmp_path / "m.keras")
    text, _ = drafted(cli, model, tmp_path)
    assert 'task = "classification"  # a guess: or "multi_label" or "regression"' in text


def test_examples_show_a_regression_and_its_scale(cli: Cli, saved: Models, tmp_path: Path) -> None:
    model = file_of(keras.models.clone_model(saved("regression").model), tmp_path / "m.keras")
    _, recipe = drafted(cli, model, tmp_path, "--data", saved("regression").data)
    assert recipe.model.task == "regression"
    spread = keras_models.prices(200, 0).targets.std()
    assert recipe.gate.max_drop == pytest.approx(0.01 * spread, rel=0.2)


def test_several_outputs_and_lookups_are_described(cli: Cli, tmp_path: Path) -> None:
    losses = {"income": "mse", "leaves": "binary_crossentropy"}
    model = file_of(people(), tmp_path / "people.keras", losses)
    text, recipe = drafted(cli, model, tmp_path)
    assert recipe.model.task is None
    assert {name: each.task for name, each in recipe.outputs.items()} == {
        "income": "regression",
        "leaves": "classification",
    }
    assert set(recipe.inputs) == {"age", "job"}
    assert "(job): 2 known strings (cook, nurse)" in text
    assert "x_train_NAME" in text


def test_pictures_are_recognized(cli: Cli, tmp_path: Path) -> None:
    model = keras.Sequential(
        [
            keras.Input((8, 8, 3), name="photo"),
            layers.Rescaling(1 / 255),
            layers.Flatten(),
            layers.Dense(30, activation="softmax"),
        ]
    )
    text, _ = drafted(cli, file_of(model, tmp_path / "my photos!.keras"), tmp_path)
    assert 'name = "my-photos"' in text
    assert "# decoded, turned as its EXIF data say, made RGB" in text
    assert '# labels = "labels.txt"  # names of the 30 classes' in text


def test_numbers_that_may_be_pictures_are_told(cli: Cli, saved: Models, tmp_path: Path) -> None:
    text, _ = drafted(cli, saved("conv").path, tmp_path)
    assert '# kind = "image"\n# scale = "1/255"' in text


def test_a_file_is_never_overwritten(cli: Cli, saved: Models, tmp_path: Path) -> None:
    path = tmp_path / "recipe.toml"
    path.write_text("mine")
    result = cli("init", saved("dense").path, "--output", path)
    assert result.exit_code == 2
    assert f"{path}: there is a file already; give another name with --output" in result.stderr
    assert path.read_text() == "mine"


def test_a_model_that_is_not_there_leaves_no_file(cli: Cli, tmp_path: Path) -> None:
    result = cli("init", tmp_path / "no.keras", "--output", tmp_path / "recipe.toml")
    assert result.exit_code == 3
    assert "there is no such file" in result.stderr
    assert not (tmp_path / "recipe.toml").exists()


def test_lines_of_a_draft_fit_a_screen() -> None:
    assert max(map(len, comment_lines(GateSection))) <= 100
    assert np.all([line.startswith("#") for line in comment_lines(GateSection)])
