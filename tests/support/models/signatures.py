"""Models of which only the interface matters, and examples for them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from model_export.dataset.splits import Split, Splits
from model_export.recipe.inputs import InputSection
from model_export.recipe.model import DataSection, ModelSection, ModelTask
from model_export.recipe.recipe import Recipe
from model_export.signature.signature import ModelSignature, describe_signature
from model_export.signature.source_model import Ending
from tflite_serving.contract.tensors import Shape

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Info:
    """What a loaded model says of one tensor."""

    name: str
    dtype: str
    shape: Shape


@dataclass(frozen=True)
class Source:
    """What the interface is read off, without TensorFlow."""

    inputs: tuple[Info, ...] = (Info("features", "float32", (None, 4)),)
    outputs: tuple[Info, ...] = (Info("species", "float32", (None, 3)),)
    endings: tuple[Ending, ...] = ("softmax",)


def recipe(
    labels: tuple[str, ...] | str | None = None,
    task: ModelTask = "classification",
    **inputs: InputSection,
) -> Recipe:
    return Recipe(
        model=ModelSection(name="iris", source="iris.keras", task=task, labels=labels),
        data=DataSection(source="iris.npz"),
        inputs=inputs,
    )


def described(
    source: Source = Source(),  # it is frozen
    recipe: Recipe = recipe(),  # noqa: B008  # it is frozen
    folder: Path = Path(),
) -> ModelSignature:
    return describe_signature(source, recipe, folder)  # type: ignore[arg-type]  # less than a model


def examples(x: Array, classes: list[int] | None = None) -> Splits:
    return answered(x, np.array(classes if classes is not None else [0] * len(x)))


def answered(x: Array, y: Array) -> Splits:
    split = Split({"features": x}, y)
    return Splits(split, split, split, "data.npz")


PRICE = Source(outputs=(Info("price", "float32", (None, 2)),))
REGRESSION = recipe(task="regression")
