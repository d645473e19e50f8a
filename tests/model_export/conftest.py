"""Trained Keras models, saved with their examples, and a command line to export them with."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from model_export.cli import main


@dataclass(frozen=True, slots=True)
class Saved:
    """A trained model with its examples.

    Attributes:
        model: the Keras model itself.
        path: where it is saved, as ``.keras``.
        data: its examples, as ``.npz``.
    """

    model: Any
    path: Path
    data: Path


@pytest.fixture(scope="session")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Saved]:
    """Gives the models of `tests.support.models.keras_models` by name; each is made once."""
    made: dict[str, Saved] = {}

    def give(name: str) -> Saved:
        if name not in made:
            from tests.support.models import keras_models

            folder = tmp_path_factory.mktemp(name)
            model = getattr(keras_models, name)()
            model.save(folder / f"{name}.keras")
            made_of = {"conv": keras_models.bars, "regression": keras_models.prices}
            examples = made_of.get(name, keras_models.flowers)
            classes = {"binary": 2, "regression": None}.get(name, keras_models.CLASSES)
            keras_models.save_npz(folder / f"{name}.npz", examples, classes=classes)
            made[name] = Saved(model, folder / f"{name}.keras", folder / f"{name}.npz")
        return made[name]

    return give


RecipeWriter = Callable[..., Path]


@pytest.fixture
def recipe_for(saved: Callable[[str], Saved], tmp_path: Path) -> RecipeWriter:
    """Writes a recipe that exports one of the models; keys such as ``gate__max_drop`` change it."""

    def write(name: str, **changes: Any) -> Path:
        keys: dict[str, dict[str, Any]] = {
            "model": {"name": name, "source": str(saved(name).path)},
            "data": {"source": str(saved(name).data)},
            "quantize": {"variants": ["float32"]},
            # Enough to have figures; what they are is not what these tests look at.
            "measure": {"starts": 1, "rounds": 2},
            "gate": {"max_drop": 0.1},
        }
        for key, value in changes.items():
            section, _, field = key.partition("__")
            keys.setdefault(section, {})[field] = value
        lines = []
        for section, values in keys.items():
            lines.append(f"[{section}]")
            # JSON's strings, numbers and lists are TOML's, too.
            lines += [f"{key} = {json.dumps(value)}" for key, value in values.items()]
        path = tmp_path / "recipe.toml"
        path.write_text("\n".join(lines))
        return path

    return write


@pytest.fixture
def cli() -> Callable[..., Result]:
    """Runs ``python -m model_export`` in this process, which has TensorFlow already."""

    def run(*arguments: object) -> Result:
        return CliRunner().invoke(main, [str(a) for a in arguments], catch_exceptions=False)

    return run


@pytest.fixture(scope="session")
def converted(saved: Callable[[str], Saved]) -> Callable[[str], bytes]:
    """Gives the models of `keras_models` as TensorFlow's converter writes them."""
    made: dict[str, bytes] = {}

    def give(name: str) -> bytes:
        if name not in made:
            from model_export.tf.convert import convert_float32
            from model_export.tf.source import KerasSource

            made[name] = convert_float32(KerasSource(saved(name).model, name))
        return made[name]

    return give
