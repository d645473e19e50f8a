"""The draft of a recipe: what a model and its examples show, and the rest as comments."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from model_export.api.compiled_loss import LossKind, read_loss_kinds
from model_export.api.section_comments import comment_lines, commented, toml_key, toml_value
from model_export.console.contract import input_in_words
from model_export.console.preprocessing import image_in_words, step_in_words
from model_export.dataset.raw_splits import RawSplits
from model_export.dataset.source import load_given
from model_export.progress import Progress
from model_export.recipe.gate import GateSection
from model_export.recipe.inputs import InputSection
from model_export.recipe.measure import MeasureSection
from model_export.recipe.model import DataSection, ModelSection, ModelTask
from model_export.recipe.outputs import OutputSection
from model_export.recipe.prune import PruneSection
from model_export.recipe.publish import PublishSection
from model_export.recipe.quantize import CalibrationSection, QuantizeSection
from model_export.recipe.recipe import Recipe
from model_export.recipe.sequence import SequenceSection
from model_export.signature.outputs import is_multi_hot
from model_export.signature.signature import ModelSignature, describe_signature
from model_export.signature.source_model import Ending, SourceModel, TensorInfo
from model_export.steps.extract_preprocessing import cut_off_pictures, cut_off_preprocessing
from model_export.tf.open_model import load_model
from tflite_serving.contract.image import CHANNELS
from tflite_serving.contract.preprocessing import Preprocessing
from tflite_serving.contract.tensors import InputSpec, OutputSpec

Array = npt.NDArray[Any]
Answers = Sequence[Array]
"""Right answers of one output, of each split; empty where there are no examples."""

_MOST_LABELS = 20
_DROP_SHARE = 0.01
_REST = {
    "prune": PruneSection,
    "calibration": CalibrationSection,
    "quantize": QuantizeSection,
    "measure": MeasureSection,
    "gate": GateSection,
    "publish": PublishSection,
}


@dataclass(frozen=True, slots=True)
class _Findings:
    """What was read off a model and its examples.

    Attributes:
        recipe: Recipe with all that was found.
        signature: Inputs and outputs as clients will see them.
        preprocessing: Layers that the function will compute; None if there are none.
        given: Examples; None where none were named.
        guessed: Names of the outputs whose task neither the model nor the examples show.
    """

    recipe: Recipe
    signature: ModelSignature
    preprocessing: Preprocessing | None
    given: RawSplits | None
    guessed: tuple[str, ...]


def draft_recipe(model: Path, folder: Path, data: str | None, progress: Progress) -> str:
    """Drafts the recipe of a saved model.

    Args:
        model: Path of the model: a ``.keras`` or ``.h5`` file or a SavedModel folder.
        folder: Folder that the recipe will be in.
        data: Source of the examples, as ``data.source``: ``module:function`` or an ``.npz`` file
            in `folder`; None leaves it to be filled in.
        progress: Where steps are reported.

    Returns:
        TOML: what was found as keys, all other keys as comments with their defaults and choices.

    Raises:
        LoadError, ConversionError: the model cannot be loaded, or has something that no function
            can serve.
        UsageError: the examples cannot be loaded, or do not fit the model.
    """
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", model.stem).strip("-._") or "model"
    section = ModelSection(name=name[:63], source=os.path.relpath(model, folder))
    source_of_data = DataSection(source=data or f"{name}.npz")
    with progress.step("load") as step:
        source = load_model(section, source_of_data, folder, log=progress.log)
        step.result = section.source
    found = _read(source, Recipe(model=section, data=source_of_data), model, folder, data, progress)
    return "\n".join(_lines(found)).rstrip() + "\n"


def _read(
    source: SourceModel,
    recipe: Recipe,
    model: Path,
    folder: Path,
    data: str | None,
    progress: Progress,
) -> _Findings:
    given = None if data is None else load_given(data, folder)
    names = tuple(info.name for info in source.outputs)
    answers: dict[str, Answers] = dict.fromkeys(names, ())
    if given is not None:
        answers |= given.answers(names)
    losses = read_loss_kinds(model, names)
    shown = {
        info.name: _task(info, ending, losses.get(info.name), answers[info.name])
        for info, ending in zip(source.outputs, source.endings, strict=True)
    }
    outputs = {
        name: OutputSection(task=task or "classification", **_budget(task, answers[name]))
        for name, task in shown.items()
    }
    if len(names) > 1:
        recipe = replace(recipe, outputs=outputs)
    else:
        (only,) = outputs.values()
        gate = GateSection(metric=only.metric, max_drop=only.max_drop)
        recipe = replace(recipe, model=replace(recipe.model, task=only.task), gate=gate)
    sized, fronts = cut_off_pictures(source, recipe, progress)
    _, preprocessing, _ = cut_off_preprocessing(sized, recipe, progress)
    columns = () if given is None else given.names
    signature = describe_signature(source, recipe, folder, preprocessing, answers, columns, fronts)
    guessed = tuple(name for name, task in shown.items() if task is None)
    return _Findings(recipe, signature, preprocessing, given, guessed)


def _task(
    info: TensorInfo, ending: Ending, loss: LossKind | None, answers: Answers
) -> ModelTask | None:
    """What an output is for, by its last layer, the loss or the answers; None if none shows it."""
    if ending == "softmax" or loss == "several_classes":
        return "classification"
    if loss == "values":
        return "regression"
    is_single = info.shape[-1] == 1
    if answers:
        if any(map(_are_values, answers)):
            return "regression"
        labels = not is_single and any(map(is_multi_hot, answers))
        return "multi_label" if labels else "classification"
    if loss == "one_class" or ending == "sigmoid":
        return "classification" if is_single else "multi_label"
    return None


def _are_values(answers: Array) -> bool:
    """Whether answers are no classes: numbers with fractions, in rows that are no shares of 1."""
    if answers.dtype.kind != "f" or np.array_equal(answers, np.rint(answers)):
        return False
    return answers.ndim < 2 or answers.shape[1] == 1 or not np.allclose(answers.sum(axis=1), 1)


def _budget(task: ModelTask | None, answers: Answers) -> dict[str, Any]:
    """The metric and the budget of a regression, whose scale nobody else knows."""
    if task != "regression":
        return {}
    spread = float(np.std(answers[0])) if answers else 1.0
    return {"metric": "mae", "max_drop": float(f"{_DROP_SHARE * spread:.2g}") or _DROP_SHARE}


def _lines(found: _Findings) -> Iterator[str]:
    recipe, signature = found.recipe, found.signature
    yield "# How this model is exported. What stands here was read off the model and its examples;"
    yield "# what is behind a # is what holds if nothing is said. docs/2-recipe.md tells more."
    yield ""
    yield from _model(recipe, signature, found.guessed)
    yield ""
    yield from _data(recipe, found)
    for spec in signature.inputs:
        yield ""
        yield from _input(spec)
    if found.preprocessing is not None and found.preprocessing.steps:
        yield ""
        yield "# Layers that the function computes before the model:"
        yield from (f"#   {step_in_words(step)}" for step in found.preprocessing.steps)
    for output in signature.outputs:
        yield ""
        yield from _output(output, recipe, found.guessed)
    sections: dict[str, type] = dict(_REST)
    if signature.sequence is not None:
        sections = {"sequence": SequenceSection, **sections}
    for name, section in sections.items():
        live = {"metric": recipe.gate.metric, "max_drop": recipe.gate.max_drop}
        written = {k: v for k, v in live.items() if name == "gate" and v is not None}
        yield ""
        yield f"[{name}]"
        yield from _keys(written)
        yield from comment_lines(section, written)


def _keys(values: Mapping[str, Any]) -> Iterator[str]:
    for key, value in values.items():
        note = "  # in the units of the answers: choose it" if key == "max_drop" else ""
        yield f"{key} = {toml_value(value)}{note}"


def _model(recipe: Recipe, signature: ModelSignature, guessed: tuple[str, ...]) -> Iterator[str]:
    model = recipe.model
    yield "[model]"
    yield f"name = {toml_value(model.name)}"
    yield f"source = {toml_value(model.source)}"
    given = ["name", "source", "labels"]
    if model.task is not None:
        yield f"task = {toml_value(model.task)}{_doubt(signature.outputs[0], guessed)}"
        given.append("task")
        yield from _labels(signature.outputs[0])
    elif len(signature.outputs) > 1:
        given.append("task")
    yield from comment_lines(ModelSection, given)


def _doubt(output: OutputSpec, guessed: tuple[str, ...]) -> str:
    others = '"multi_label" or "regression"'
    return f"  # a guess: or {others}" if output.name in guessed else ""


def _labels(output: OutputSpec) -> Iterator[str]:
    names = output.labels or ()
    if not names:
        return
    note = f"names of the {len(names):,} classes in the order of the scores"
    if len(names) > _MOST_LABELS:
        yield from commented('labels = "labels.txt"', f"{note}, one a line")
    else:
        yield from commented(f"labels = {toml_value(names)}", note)


def _data(recipe: Recipe, found: _Findings) -> Iterator[str]:
    yield "[data]"
    if found.given is None:
        parts = ["x_train", "y_train", "x_validation", "y_validation", "x_test", "y_test"]
        yield f"# A file with the arrays {', '.join(parts)};"
        if len(found.signature.inputs) > 1 or len(found.signature.outputs) > 1:
            yield "# of several inputs or outputs, one for each, such as x_train_NAME;"
        yield '# or "module:function", which returns {"train": (x, y), "validation": …, "test": …}'
    yield f"source = {toml_value(recipe.data.source)}"


def _input(spec: InputSpec) -> Iterator[str]:
    yield f"[inputs.{toml_key(spec.name)}]"
    image = spec.preprocess.image
    if image is not None:
        yield f"# {image_in_words(image)}"
        yield from comment_lines(InputSection, ("missing", "columns"))
        return
    for field in spec.fields:
        of = f"{field.name}: " if field.name != spec.name else ""
        yield f"# {of}{input_in_words(field)}"
    hidden = ["kind", "scale", "offset", "exif_orientation", "resize"]
    channels = spec.shape[3] if len(spec.shape) == 4 else None
    if channels in CHANNELS.values():
        yield "# If these are pictures that clients may send as files:"
        yield '# kind = "image"'
        yield '# scale = "1/255"  # of pixels from 0 to 255, as the model was trained'
        hidden = ["kind", "scale"]
    if len(spec.shape) != 2 or spec.preprocess.kind not in ("tensor", "record"):
        hidden.append("columns")
    yield from comment_lines(InputSection, hidden)


def _output(output: OutputSpec, recipe: Recipe, guessed: tuple[str, ...]) -> Iterator[str]:
    yield f"[outputs.{toml_key(output.name)}]"
    section = recipe.outputs.get(output.name)
    hidden = ["task", "labels", "metric", "max_drop", "lower_is_better"]
    if section is not None:
        yield f"task = {toml_value(section.task)}{_doubt(output, guessed)}"
        yield from _labels(output)
        budget = {"metric": section.metric, "max_drop": section.max_drop}
        written = {key: value for key, value in budget.items() if value is not None}
        yield from _keys(written)
        hidden = ["task", "labels", *written]
    if output.thresholds is None:
        hidden.append("threshold")
    if output.task != "regression":
        hidden.append("units")
    yield from comment_lines(OutputSection, hidden)
