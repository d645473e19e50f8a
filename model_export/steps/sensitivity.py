"""Measures the sensitivity of each layer to pruning and int8, one layer at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from model_export.flatbuffer.inspect import Operator
from model_export.measure.process import Process
from model_export.progress import Progress
from model_export.quality.gate import worst_drop
from model_export.quantization.candidate import FormMaker
from model_export.quantization.mixed_precision import Scores, SingleOperatorQuantization, distance
from model_export.recipe.quantize import Variant
from model_export.recipe.recipe import Recipe
from model_export.signature.source_model import SourceModel
from model_export.steps.convert import convert, find_ranges, fitting
from model_export.steps.prepare import PreparedExport, load, prepare

if TYPE_CHECKING:
    from model_export.tf.source import KerasSource

_INT8: tuple[Variant, ...] = ("static_int8", "full_int8", "dynamic_int8", "weight_int8")


@dataclass(frozen=True, slots=True)
class Effect:
    """What one change to one layer does.

    Attributes:
        drop: by how much the metric gets worse, on the validation split; of several outputs, the
            largest part that one of them takes of its budget.
        error: root mean square of the change in the model's output: it tells layers apart where
            the metric does not move.
    """

    drop: float
    error: float


@dataclass(frozen=True, slots=True)
class LayerSensitivity:
    """What a layer bears.

    Attributes:
        layer: its path.
        weights: how many it has.
        pruning: None if it has no weights that could be pruned.
        quantization: None if nothing of it can be quantized.
    """

    layer: str
    weights: int
    pruning: Effect | None
    quantization: Effect | None


@dataclass(frozen=True, slots=True)
class Sensitivity:
    """All layers of a model, the most sensitive first.

    Attributes:
        model: its name.
        metric: of quality.
        reference: the metric of the unchanged model on the validation split; of several outputs 0,
            because it takes nothing of their budgets.
        examples: of the validation split.
        sparsity: to which each layer was pruned alone.
        variant: to which each layer was quantized alone.
        layers: what each bears.
    """

    model: str
    metric: str
    reference: float
    examples: int
    sparsity: float
    variant: Variant
    layers: tuple[LayerSensitivity, ...]


def measure_sensitivity(recipe: Recipe, folder: Path, progress: Progress) -> Sensitivity:
    """Prunes and quantizes each layer alone, without training, and asks the model.

    The validation split is asked, not the test split: what is learnt here goes into the recipe,
    and the gate must not be judged by examples that the recipe was made for.

    Args:
        recipe: which sparsity, which variant, and which metric.
        folder: of the recipe.
        progress: told of every step.

    Raises:
        ExportError: its class says which exit code.
    """
    from model_export.tf.source import KerasSource

    source, ready = prepare(load(recipe, folder, progress), recipe, folder, progress)
    asked = _Asked(ready)
    pruning: dict[str, tuple[int, Effect]] = {}
    if isinstance(source, KerasSource):
        pruning = _prune_each(source, asked, recipe.prune.sparsity, progress)
    variant = next((v for v in _INT8 if v in recipe.quantize.variants), _INT8[0])
    quantization = _quantize_each(source, asked, recipe, variant, progress)
    layers = [
        LayerSensitivity(
            layer=name,
            weights=pruning[name][0] if name in pruning else quantization[name][0],
            pruning=pruning[name][1] if name in pruning else None,
            quantization=quantization[name][1] if name in quantization else None,
        )
        for name in dict.fromkeys([*pruning, *quantization])
    ]
    return Sensitivity(
        model=recipe.model.name,
        metric=asked.metric,
        reference=asked.reference,
        examples=len(ready.splits.validation),
        sparsity=recipe.prune.sparsity,
        variant=variant,
        layers=tuple(sorted(layers, key=_rank)),
    )


class _Asked:
    """The model's own answers to the validation split, and how far others are from them."""

    def __init__(self, ready: PreparedExport) -> None:
        self.ready = ready
        self._paired = ready.reference.validation
        (first, *others) = ready.criteria
        self.metric, self.reference = first.name, self._paired[first.output.name].reference
        if others:
            names = " and ".join(each.name for each in ready.criteria)
            self.metric, self.reference = f"parts of the budgets of {names}", 0.0

    def effect(self, scores: Scores) -> Effect:
        """What it costs to answer `scores`."""
        reference = {name: paired.reference_scores for name, paired in self._paired.items()}
        drops = {name: paired.drop(scores[name]) for name, paired in self._paired.items()}
        return Effect(
            drop=worst_drop(drops, self.ready.budgets),
            error=distance(scores, reference, self.ready.signature.outputs),
        )


def _prune_each(
    source: KerasSource, asked: _Asked, sparsity: float, progress: Progress
) -> dict[str, tuple[int, Effect]]:
    from model_export.tf.pruning.prune_each import prune_each

    signature, inputs = asked.ready.signature, asked.ready.splits.validation.inputs
    found = {}
    with progress.step("prune") as step:
        for layer in prune_each(source.model, sparsity):
            scores = signature.scores(signature.natural(source.predict(inputs)))
            found[layer.path] = (layer.weights, asked.effect(scores))
            step.advance(layer.done)
        step.result = f"{len(found)} layers, each alone to {sparsity:.0%} zeros"
    return found


def _quantize_each(
    source: SourceModel, asked: _Asked, recipe: Recipe, variant: Variant, progress: Progress
) -> dict[str, tuple[int, Effect]]:
    float32 = convert(source, asked.ready, progress)
    ready = fitting(asked.ready, float32)
    ranges = find_ranges(float32, ready, recipe.calibration, (variant,), progress)
    maker = FormMaker(float32, ranges, ready.signature, frozenset(source.layers))
    groups = _by_layer(maker.facts.operators)
    found = {}
    with progress.step("quantize") as step, Process(recipe.measure.threads) as process:
        isolation = SingleOperatorQuantization(maker, variant, ready.splits.validation, process)
        for index, (layer, operators) in enumerate(groups.items()):
            answer = isolation.answer([operator.name for operator in operators])
            if answer is not None and _differ(answer, isolation.reference):
                weights = sum(o.weights.count for o in operators if o.weights)
                found[layer] = (weights, asked.effect(answer))
            step.advance((index + 1) / len(groups))
        step.result = f"{len(found)} layers, each alone to {variant}"
    return found


def _differ(scores: Scores, reference: Scores) -> bool:
    return not all(np.array_equal(scores[name], reference[name]) for name in reference)


def _by_layer(operators: Sequence[Operator]) -> dict[str, list[Operator]]:
    groups: dict[str, list[Operator]] = {}
    for operator in operators:
        groups.setdefault(operator.layer or operator.name, []).append(operator)
    return groups


def _rank(layer: LayerSensitivity) -> tuple[float, float, str]:
    """The most sensitive first: by what it costs in the metric, then by how far answers move."""
    effects = [effect for effect in (layer.pruning, layer.quantization) if effect]
    return (
        -max(effect.drop for effect in effects),
        -max(effect.error for effect in effects),
        layer.layer,
    )
