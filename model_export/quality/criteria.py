"""Quality criterion of each output: its metric and its budget."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from model_export.errors import UsageError
from model_export.quality.metric import Metric
from model_export.quality.metrics import find_metric, fits
from model_export.recipe.gate import GateSection
from model_export.recipe.outputs import OutputSection
from model_export.recipe.recipe import Recipe
from model_export.signature.outputs import DEFAULT_THRESHOLD
from tflite_serving.contract.tensors import OutputSpec


@dataclass(frozen=True, slots=True)
class OutputCriterion:
    """How good one output must be.

    Attributes:
        output: that is judged.
        metric: of its quality, at the thresholds that are served.
        reference_metric: The same at the thresholds that the Keras model is used with.
        gate: with its own budget of quality.
        is_only: whether there is no other output.
    """

    output: OutputSpec
    metric: Metric
    reference_metric: Metric
    gate: GateSection
    is_only: bool = True

    @property
    def name(self) -> str:
        """Of its figures, for people: the metric's, after the output's if there are several."""
        return self.metric.name if self.is_only else f"{self.output.name} {self.metric.name}"


def find_criteria(
    recipe: Recipe, outputs: tuple[OutputSpec, ...], folder: Path
) -> tuple[OutputCriterion, ...]:
    """The criteria of all outputs, in their order.

    What ``[outputs.NAME]`` does not say, ``[gate]`` says, where it fits: several outputs can have
    different tasks.

    Raises:
        UsageError: a metric or a budget does not fit, or an output lacks one.
    """
    if recipe.gate.max_class_drop is not None and not any(each.has_classes for each in outputs):
        raise UsageError("gate.max_class_drop: expected none for a regression: it has no classes")
    return tuple(_find(recipe, output, outputs, folder) for output in outputs)


def _find(
    recipe: Recipe, output: OutputSpec, outputs: tuple[OutputSpec, ...], folder: Path
) -> OutputCriterion:
    several = len(outputs) > 1
    section, gate = recipe.outputs.get(output.name, OutputSection()), recipe.gate
    key, where = "gate.metric", f"outputs.{output.name}"
    if section.metric is not None:
        key = f"{where}.metric"
        gate = replace(gate, metric=section.metric, lower_is_better=section.lower_is_better)
    elif several and gate.metric is not None:
        if ":" in gate.metric:
            raise UsageError(
                f"gate.metric: {gate.metric}: the model has several outputs; say which of them it "
                f"judges, as {where}.metric"
            )
        if not fits(gate.metric, output) and any(fits(gate.metric, each) for each in outputs):
            gate = replace(gate, metric=None)
    if several and output.task == "regression":
        for name in ("metric", "max_drop"):
            if getattr(section, name) is None:
                raise UsageError(
                    f"{where}: {output.name!r} is a regression beside other outputs, and nobody "
                    f'else knows its scale: say {where}.metric, such as "mae", and '
                    f"{where}.max_drop, by how much it may be worse"
                )
    if section.max_drop is not None:
        gate = replace(gate, max_drop=section.max_drop)
    metric, reference_metric = (
        find_metric(gate, output.task, len(output.labels or ()), folder, thresholds, key)
        for thresholds in (output.thresholds, used_thresholds(section, output))
    )
    if output.task == "regression" and gate.max_drop is None:
        raise UsageError(
            f"gate.max_drop: {output.name!r} is a regression, and nobody else knows its scale: say "
            f"by how much its {metric.name} may be worse"
        )
    return OutputCriterion(output, metric, reference_metric, gate, is_only=not several)


def used_thresholds(section: OutputSection, output: OutputSpec) -> tuple[float, ...] | None:
    """The thresholds that the Keras model is used with: the recipe's numbers, or 0.5.

    Tuned ones are the export's idea: what they change is a part of the drop.
    """
    if section.threshold == "tuned" and output.thresholds is not None:
        return (DEFAULT_THRESHOLD,) * len(output.thresholds)
    return output.thresholds
