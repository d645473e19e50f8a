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
from model_export.quantization.candidate_factory import CandidateFactory
from model_export.quantization.float32_model import Float32Model
from model_export.quantization.mixed_precision import Scores, SingleOperatorQuantization, distance
from model_export.recipe.recipe import Recipe
from model_export.recipe.variants import VARIANTS, Method, VariantName
from model_export.signature.source_model import SourceModel
from model_export.steps.convert import convert, find_ranges, fitting
from model_export.steps.prepare import PreparedExport, load, prepare

if TYPE_CHECKING:
    from model_export.tf.source import KerasSource

_METHODS: tuple[Method, ...] = ("static", "dynamic", "weight_only")
"""Those that quantize most come first."""


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
    variant: VariantName
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

    source, prepared = prepare(load(recipe, folder, progress), recipe, folder, progress)
    asked = _Asked(prepared)
    pruning: dict[str, tuple[int, Effect]] = {}
    if isinstance(source, KerasSource):
        pruning = _prune_each(source, asked, recipe.prune.sparsity, progress)
    int8 = [
        row.name
        for method in _METHODS
        for row in VARIANTS.values()
        if (row.method, row.weight_bits) == (method, 8)
    ]
    variant = next((name for name in int8 if name in recipe.quantize.variants), int8[0])
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
        examples=len(prepared.splits.validation),
        sparsity=recipe.prune.sparsity,
        variant=variant,
        layers=tuple(sorted(layers, key=_rank)),
    )


class _Asked:
    """The model's own answers to the validation split, and how far others are from them."""

    def __init__(self, prepared: PreparedExport) -> None:
        self.prepared = prepared
        self._paired = prepared.reference.validation
        (first, *others) = prepared.criteria
        self.metric, self.reference = first.name, self._paired[first.output.name].reference
        if others:
            names = " and ".join(each.name for each in prepared.criteria)
            self.metric, self.reference = f"parts of the budgets of {names}", 0.0

    def effect(self, scores: Scores) -> Effect:
        """What it costs to answer `scores`."""
        reference = {name: paired.reference_scores for name, paired in self._paired.items()}
        drops = {name: paired.drop(scores[name]) for name, paired in self._paired.items()}
        return Effect(
            drop=worst_drop(drops, self.prepared.budgets),
            error=distance(scores, reference, self.prepared.signature.outputs),
        )


def _prune_each(
    source: KerasSource, asked: _Asked, sparsity: float, progress: Progress
) -> dict[str, tuple[int, Effect]]:
    from model_export.tf.pruning.prune_each import prune_each

    signature, inputs = asked.prepared.signature, asked.prepared.splits.validation.inputs
    found = {}
    with progress.step("prune") as step:
        for layer in prune_each(source.model, sparsity):
            scores = signature.scores(signature.natural(source.predict(inputs)))
            found[layer.path] = (layer.weights, asked.effect(scores))
            step.advance(layer.done)
        step.result = f"{len(found)} layers, each alone to {sparsity:.0%} zeros"
    return found


def _quantize_each(
    source: SourceModel, asked: _Asked, recipe: Recipe, variant: VariantName, progress: Progress
) -> dict[str, tuple[int, Effect]]:
    float32 = convert(source, asked.prepared, progress)
    prepared = fitting(asked.prepared, float32)
    ranges = find_ranges(float32, prepared, recipe.calibration, (variant,), progress)
    model = Float32Model(float32, prepared.signature, frozenset(source.layers))
    factory = CandidateFactory(model, ranges)
    groups = _by_layer(model.facts.operators)
    found = {}
    with progress.step("quantize") as step, Process(recipe.measure.threads) as process:
        isolation = SingleOperatorQuantization(
            factory, variant, prepared.splits.validation, process
        )
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
