"""Infers task, labels and activation of each output, from model, examples and recipe."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from model_export.errors import ConversionError, UsageError
from model_export.recipe.model import ModelTask
from model_export.recipe.outputs import OutputSection
from model_export.recipe.recipe import Recipe
from model_export.signature.source_model import Ending, SourceModel, TensorInfo
from tflite_serving.contract.codec import ContractError
from tflite_serving.contract.tensors import Activation, OutputSpec

Answers = Mapping[str, Sequence[npt.NDArray[Any]]]
"""By output name, each split's right answers as they were given."""

DEFAULT_THRESHOLD = 0.5
"""Score from which on an answer is yes, where the recipe names none."""

_DESCRIPTIONS: Mapping[ModelTask, str] = {
    "classification": "score of each class",
    "multi_label": "score of each label",
    "regression": "predicted values",
}


def describe_outputs(
    source: SourceModel, recipe: Recipe, folder: Path, answers: Answers | None = None
) -> tuple[OutputSpec, ...]:
    """The outputs as the manifest will have them, but for thresholds that are yet to be tuned.

    Args:
        source: the loaded model.
        recipe: says what it says.
        folder: of the recipe.
        answers: see `Answers`; None where there are no examples.

    Raises:
        ConversionError: the model has an output that cannot be served.
        UsageError: the recipe does not fit the model.
    """
    names = [info.name for info in source.outputs]
    for name in recipe.outputs:
        if name not in names:
            raise UsageError(f"recipe.outputs.{name}: no such output; the model has {names}")
    if len(names) > 1:
        for key in ("task", "labels"):
            if getattr(recipe.model, key) is not None:
                raise UsageError(
                    f"recipe.model.{key}: the model has the outputs {', '.join(names)}: say it of "
                    f"each, as outputs.{names[0]}.{key}"
                )
    return tuple(
        _describe(info, ending, recipe, folder, () if answers is None else answers[info.name])
        for info, ending in zip(source.outputs, source.endings, strict=True)
    )


def missing_activation(ending: Ending, task: ModelTask, width: int) -> Activation:
    """What makes scores of what the model leaves as logits."""
    if task == "regression" or ending != "linear":
        return "none"
    return "sigmoid" if task == "multi_label" or width == 1 else "softmax"


def _describe(
    info: TensorInfo,
    ending: Ending,
    recipe: Recipe,
    folder: Path,
    answers: Sequence[npt.NDArray[Any]],
) -> OutputSpec:
    section, where = _section(info.name, recipe)
    task = section.task or _task(info, ending, answers)
    if task == "multi_label" and ending == "softmax":
        raise UsageError(
            f"{where['task']}: output {info.name!r} ends in softmax, whose scores exclude one "
            "another; let several labels end in sigmoid"
        )
    width = _width(info, task)
    activation = section.activation or missing_activation(ending, task, width)
    _check_activation(info, ending, activation, task, width)
    labels = None
    if task == "regression":
        if section.labels is not None:
            raise UsageError(f"{where['labels']}: a regression has no classes to name")
    else:
        classes = 2 if (task, width) == ("classification", 1) else width
        labels = _labels(section.labels, where["labels"], folder, classes)
    thresholds = _thresholds(section, task, width, f"recipe.outputs.{info.name}.threshold")
    try:
        return OutputSpec(
            name=info.name,
            dtype="float32",
            shape=info.shape,
            labels=labels,
            activation=activation,
            description=section.description or _DESCRIPTIONS[task],
            task=task,
            thresholds=thresholds,
            units=section.units,
        )
    except ContractError as error:
        place = where["labels"] if error.path == "labels" else f"recipe.outputs.{info.name}"
        rest = error.problem if error.path == "labels" else f"{error.path}: {error.problem}"
        raise UsageError(f"{place}: {rest}") from None


def _check_activation(
    info: TensorInfo, ending: Ending, activation: Activation, task: ModelTask, width: int
) -> None:
    place = f"recipe.outputs.{info.name}.activation"
    if activation != "none" and ending in ("sigmoid", "softmax"):
        raise UsageError(
            f"{place}: the model ends in {ending} itself, and what is said here comes on top of "
            "that; remove the key"
        )
    if activation == "softmax" and (task, width) == ("classification", 1):
        raise UsageError(
            f"{place}: expected 'sigmoid' or 'none' for a single score, got 'softmax', which makes "
            "1 of any"
        )


def _section(name: str, recipe: Recipe) -> tuple[OutputSection, Mapping[str, str]]:
    """What the recipe says of an output, and where it says which key."""
    section, model = recipe.outputs.get(name, OutputSection()), recipe.model
    said: dict[str, Any] = {}
    where = {}
    for key in ("task", "labels"):
        own, general = getattr(section, key), getattr(model, key)
        if own is not None and general is not None:
            raise UsageError(f"recipe.outputs.{name}.{key}: model.{key} says it, too; remove one")
        said[key] = general if own is None else own
        where[key] = f"recipe.model.{key}" if own is None else f"recipe.outputs.{name}.{key}"
    return replace(section, **said), where


def _task(info: TensorInfo, ending: Ending, answers: Sequence[npt.NDArray[Any]]) -> ModelTask:
    # Of a softmax only one class can be right, and whoever trained it so is told.
    may_be_labels = ending != "softmax" and info.shape[-1] != 1
    return "multi_label" if may_be_labels and any(map(is_multi_hot, answers)) else "classification"


def _width(info: TensorInfo, task: ModelTask) -> int:
    if len(info.shape) == 2 and info.shape[1] is not None:
        return info.shape[1]
    wanted = {"regression": "values of shape [batch, values]"}.get(
        task, "scores of shape [batch, classes]"
    )
    raise ConversionError(f"output {info.name!r}: expected {wanted}, got {list(info.shape)}")


def _thresholds(
    section: OutputSection, task: ModelTask, width: int, where: str
) -> tuple[float, ...] | None:
    given, count = section.threshold, width if task == "multi_label" else 1
    if task == "regression" or (task == "classification" and width > 1):
        if given is not None:
            raise UsageError(f"{where}: expected none for a {task} of {width} values")
        return None
    # Also where they are to be tuned: until they are, and where that gains nothing.
    said = section.thresholds or (DEFAULT_THRESHOLD,)
    found = said if isinstance(given, tuple) else said * count
    if len(found) != count:
        raise UsageError(f"{where}: expected {count} of them, got {len(found)}")
    return found


def _labels(
    labels: tuple[str, ...] | str | None, where: str, folder: Path, classes: int
) -> tuple[str, ...]:
    if labels is None:
        return tuple(str(index) for index in range(classes))
    if isinstance(labels, str):
        try:
            text = (folder / labels).read_text(encoding="utf-8")
        except FileNotFoundError:
            raise UsageError(
                f"{where}: {folder / labels}: there is no such file; without one, labels are a "
                'list, ["a", "b"]'
            ) from None
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(f"{where}: {folder / labels}: {error}") from None
        return tuple(text.splitlines())
    return labels


def is_multi_hot(answers: npt.NDArray[Any]) -> bool:
    """Whether answers are rows of 0 and 1 that do not all hold exactly one 1."""
    if answers.ndim != 2 or answers.shape[1] < 2 or not is_of_0_and_1(answers):
        return False
    return bool((answers.astype(np.int64).sum(axis=1) != 1).any())


def is_of_0_and_1(answers: npt.NDArray[Any]) -> bool:
    """Whether no value is anything but 0 or 1."""
    return answers.dtype.kind in "iufb" and bool(np.isin(answers, (0, 1)).all())
