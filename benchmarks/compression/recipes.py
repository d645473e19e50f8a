"""Recipes for the benchmark's models, and the first steps of an export that follow from them."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tomli_w

from benchmarks.compression.models import SUBJECTS, train_once
from model_export import Progress, Recipe, read_recipe
from model_export.steps.prepare import PreparedExport, load, prepare

Section = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Opened:
    """A recipe with its model loaded and asked.

    Attributes:
        recipe: as it was read.
        source: a `model_export.tf.load.KerasSource`.
        prepared: the examples, and the model's answers.
    """

    recipe: Recipe
    source: Any
    prepared: PreparedExport


def write_recipe(folder: Path, name: str, sections: Mapping[str, Section]) -> Path:
    """A recipe for one of the benchmark's models, which is trained if it must be.

    Args:
        folder: where to put the file.
        name: of the model.
        sections: what the recipe says beside ``[model]`` and ``[data]``.

    Raises:
        DataMissing: the model's examples are not on this machine.
    """
    subject = next(subject for subject in SUBJECTS if subject.name == name)
    subject.data()  # a model that was trained elsewhere does not bring its examples
    document: dict[str, Section] = {
        "model": {"name": name, "source": str(train_once(subject).resolve())},
        "data": {"source": subject.source},
        **sections,
    }
    path = folder / f"{name}.toml"
    path.write_text(tomli_w.dumps(document), encoding="utf-8")
    return path


def export_command(recipe: Path, registry: Path) -> list[str]:
    """The command line that exports a recipe; run it where this repository is."""
    target = ["--registry", registry.as_uri()]
    return [sys.executable, "-m", "model_export", "export", str(recipe), *target]


def open_recipe(path: Path, progress: Progress) -> Opened:
    """Loads the model of a recipe and asks it about its examples."""
    recipe = read_recipe(path)
    source, prepared = prepare(load(recipe, path.parent, progress), recipe, path.parent, progress)
    return Opened(recipe, source, prepared)
