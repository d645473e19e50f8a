"""Validates a model during fine-tuning, by the gate's metric and the model's own loss."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf, isnan
from typing import Any, Protocol

import keras
import numpy.typing as npt

from model_export.dataset.splits import Split
from model_export.recipe.model import ModelTask
from model_export.signature.outputs import missing_activation
from model_export.tf.graph import endings
from model_export.tf.pruning.batches import in_order
from model_export.tf.pruning.loss import OwnLoss
from tflite_serving.contract.tensors import Activation
from tflite_serving.runtime.postprocess import apply_activation, class_scores

_BATCH = 256
_LEAST_BUDGET = 1e-6


class Metric(Protocol):
    """What the gate judges by."""

    @property
    def name(self) -> str:
        """Such as "accuracy"."""

    @property
    def lower_is_better(self) -> bool:
        """What the numbers mean."""

    def compute(self, scores: npt.NDArray[Any], targets: npt.NDArray[Any]) -> float:
        """How good the scores are.

        Args:
            scores: [examples, classes]; of a regression the values, [examples, outputs].
            targets: the right answers, as `Split.targets`.
        """


@dataclass(frozen=True, slots=True)
class Goal:
    """What one output is judged by.

    Attributes:
        metric: of its quality.
        activation: what the model leaves to the reader of the output; None is what its last layer
            tells.
        max_drop: by how much the metric may be worse in the end. Where there are several outputs,
            their metrics are compared by it.
        name: of its figures, for people; None is the metric's.
    """

    metric: Metric
    activation: Activation | None = None
    max_drop: float = 0.0
    name: str | None = None


@dataclass(frozen=True, slots=True)
class Head:
    """One output, and what it is trained for.

    Attributes:
        task: of the output.
        goal: what it is judged by.
        loss: its own; all of them together decide between equal metrics.
        activation: what the model leaves to the reader of the output.
    """

    task: ModelTask
    goal: Goal
    loss: OwnLoss
    activation: Activation

    def scores(self, raw: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Of raw outputs, [examples, outputs]: what the metric takes."""
        natural = apply_activation(raw, self.activation)
        return class_scores(natural) if self.task == "classification" else natural


def make_heads(model: keras.Model, split: Split, goals: Sequence[Goal]) -> tuple[Head, ...]:
    """The outputs of a model, in their order.

    Args:
        model: that is tuned.
        split: examples, whose right answers tell what the outputs are for.
        goals: of the outputs.
    """
    heads = []
    targets = (split.targets, *split.others.values())
    for index, (goal, right, ending) in enumerate(zip(goals, targets, endings(model), strict=True)):
        task = _TASKS.get(right.dtype.kind, "classification")
        width = model.outputs[index].shape[-1]
        activation = goal.activation or missing_activation(ending, task, width)
        heads.append(Head(task, goal, OwnLoss(model, index, task), activation))
    return tuple(heads)


_TASKS: Mapping[str, ModelTask] = {"f": "regression", "b": "multi_label"}
"""By the kind of the right answers' dtype; see `Split`."""


@dataclass(frozen=True, slots=True)
class Judged:
    """How good a model is: the metric of each output, and its loss."""

    values: tuple[float, ...]
    loss: float


@dataclass(frozen=True, slots=True)
class Validation:
    """The examples, and how a model's answers to them are judged.

    Attributes:
        split: the examples.
        heads: the model's outputs.
        weights: of their losses.
    """

    split: Split
    heads: tuple[Head, ...]
    weights: Sequence[float]

    def judge(self, model: keras.Model) -> Judged:
        """The metrics and the loss of a model that takes its inputs by name."""
        values, loss = [], 0.0
        targets = (self.split.targets, *self.split.others.values())
        for head, weight, right, raw in zip(
            self.heads, self.weights, targets, answers(model, self.split), strict=True
        ):
            wanted, got = head.loss.targets(right), keras.ops.convert_to_tensor(raw)
            loss += weight * float(head.loss(wanted, got))
            values.append(head.goal.metric.compute(head.scores(raw), right))
        return Judged(tuple(values), loss)

    def rank(self, judged: Judged, before: Judged) -> tuple[float, float]:
        """A key to sort by: the best is the smallest.

        Args:
            judged: a model.
            before: the unpruned model. Of several outputs, the one counts that lost the largest
                part of its budget against it.
        """
        costs = self._costs(judged)
        if len(costs) > 1:
            costs = [
                (cost - was) / max(head.goal.max_drop, _LEAST_BUDGET)
                for head, cost, was in zip(self.heads, costs, self._costs(before), strict=True)
            ]
        # Of NaN every comparison is false, and what comes first would stay the best for ever.
        worst = max(inf if isnan(cost) else cost for cost in costs)
        return worst, inf if isnan(judged.loss) else judged.loss

    def _costs(self, judged: Judged) -> list[float]:
        return [
            value if head.goal.metric.lower_is_better else -value
            for head, value in zip(self.heads, judged.values, strict=True)
        ]


def answers(model: keras.Model, split: Split) -> list[npt.NDArray[Any]]:
    """Raw outputs of a model that takes its inputs by name, [examples, outputs] float32 each."""
    inputs = {name: split.inputs[name] for name in model.input}
    raw = model.predict(in_order(inputs, _BATCH), verbose=0)
    return [array.astype("float32") for array in keras.tree.flatten(raw)]
