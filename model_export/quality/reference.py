"""Predictions of the Keras model itself, which every candidate is compared with."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from model_export.dataset.casting import fed_inputs
from model_export.dataset.splits import Split, Splits, targets_of
from model_export.errors import ConversionError
from model_export.progress import Progress
from model_export.quality.comparison import PairedComparison
from model_export.quality.criteria import OutputCriterion, find_criteria
from model_export.quality.plausibility import plausibility_warnings
from model_export.quality.threshold_tuning import Tuning, tune_thresholds
from model_export.recipe.outputs import OutputSection
from model_export.recipe.recipe import Recipe
from model_export.signature.signature import ModelSignature
from model_export.signature.source_model import SourceModel
from tflite_serving.contract.tensors import Arrays

_SCORE_SLACK = 1e-3  # float16 models round


@dataclass(frozen=True, slots=True)
class Reference:
    """What the Keras model itself answers, before anything is done to it.

    Attributes:
        outputs: to the test split, by name, [examples, …], in natural units.
        test: To compare candidates with, by output name; at the thresholds that the Keras model is
            used with.
        validation: The same of what is decided on the way to a candidate; at the thresholds that
            are served, so that what tuning gained there hides no loss.
    """

    outputs: Arrays
    test: Mapping[str, PairedComparison]
    validation: Mapping[str, PairedComparison]


def ask_reference(
    source: SourceModel,
    signature: ModelSignature,
    splits: Splits,
    recipe: Recipe,
    folder: Path,
    progress: Progress,
) -> tuple[ModelSignature, tuple[OutputCriterion, ...], Reference]:
    """Asks the whole model, and tunes the thresholds that the recipe wants tuned.

    Args:
        source: the whole model.
        signature: of it.
        splits: the examples, as clients send them.
        recipe: what to do.
        folder: of the recipe.
        progress: told of the step.

    Returns:
        the interface with all thresholds; what each output is judged by; and the answers.

    Raises:
        ConversionError: what the model answers are no scores.
        UsageError: a metric of the recipe does not fit.
    """

    def ask(split: Split, which: str) -> dict[str, Any]:
        inputs = fed_inputs(split.inputs, source, signature, f"{splits.source}: {which}")
        return signature.natural(source.predict(inputs))

    with progress.step("reference") as step:
        outputs = ask(splits.test, "test")
        check_scores(outputs, signature)
        validation = ask(splits.validation, "validation")
        tunings = _tune(recipe, signature, validation, splits.validation, folder)
        signature = signature.at({name: tuning.thresholds for name, tuning in tunings.items()})
        criteria = find_criteria(recipe, signature.outputs, folder)
        confidence = recipe.gate.sure
        served = tuple(replace(each, reference_metric=each.metric) for each in criteria)
        reference = Reference(
            outputs,
            _pair(criteria, signature, outputs, splits.test, confidence),
            _pair(served, signature, validation, splits.validation, confidence),
        )
        step.result = f"{_told(criteria, reference.test)} on the test split"
    for name, tuning in tunings.items():
        progress.log(f"{name}: {tuning.in_words}")
    for warning in plausibility_warnings(criteria, signature, outputs, splits.test):
        progress.log(warning)
    return signature, criteria, reference


def _tune(
    recipe: Recipe, signature: ModelSignature, outputs: Arrays, split: Split, folder: Path
) -> dict[str, Tuning]:
    """What tuning came to, of each output of which the recipe wants it."""
    scores, targets = signature.scores(outputs), targets_of(split, signature.outputs)
    return {
        name: tune_thresholds(each.metric, scores[name], targets[name], recipe.gate.sure)
        for each in find_criteria(recipe, signature.outputs, folder)
        for name in [each.output.name]
        if recipe.outputs.get(name, OutputSection()).threshold == "tuned"
    }


def _pair(
    criteria: tuple[OutputCriterion, ...],
    signature: ModelSignature,
    outputs: Arrays,
    split: Split,
    confidence: float,
) -> dict[str, PairedComparison]:
    scores, targets = signature.scores(outputs), targets_of(split, signature.outputs)
    return {
        name: PairedComparison(
            each.metric,
            each.output.labels,
            scores[name],
            targets[name],
            confidence,
            each.reference_metric,
        )
        for each in criteria
        for name in [each.output.name]
    }


def _told(criteria: tuple[OutputCriterion, ...], test: Mapping[str, PairedComparison]) -> str:
    return ", ".join(f"{each.name} {test[each.output.name].reference:.4f}" for each in criteria)


def check_scores(outputs: Arrays, signature: ModelSignature) -> None:
    """Raises `ConversionError` unless all that are scores are from 0 to 1.

    Args:
        outputs: of the source model, in natural units, by name, [examples, …].
        signature: of the model; a regression's answers must only be finite.
    """
    for output in signature.outputs:
        low, high = float(outputs[output.name].min()), float(outputs[output.name].max())
        if output.task == "regression":
            if not (math.isfinite(low) and math.isfinite(high)):
                raise ConversionError(
                    f"output {output.name!r}: expected numbers, got {low:.4g} to {high:.4g}"
                )
            continue
        # Not `low < … or …`: of NaN, every comparison is false.
        if not (low >= -_SCORE_SLACK and high <= 1 + _SCORE_SLACK):
            raise ConversionError(
                f"output {output.name!r}: expected scores from 0 to 1, got {low:.4g} to "
                f"{high:.4g} on the test split; let the model end in softmax or sigmoid, or say "
                f"outputs.{output.name}.activation; for numbers that are no scores, say "
                f'outputs.{output.name}.task = "regression"'
            )
