"""How good a model is while it is tuned: by the gate's metric, and by its own loss."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, isnan
from typing import Any, Protocol

import keras
import numpy.typing as npt

from model_export.data import Split
from model_export.tf.batches import in_order
from model_export.tf.loss import OwnLoss
from tflite_serving.contract.tensors import Activation
from tflite_serving.scores import apply_activation, class_scores

_BATCH = 256


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
class Validation:
    """The examples, and how a model's answers to them are judged.

    Attributes:
        split: the examples.
        metric: the one that counts.
        loss: the model's own; it decides between equal metrics.
        activation: what the model leaves to the reader of its output.
        regression: whether the answers are values, not classes.
    """

    split: Split
    metric: Metric
    loss: OwnLoss
    activation: Activation
    regression: bool

    def judge(self, model: keras.Model) -> tuple[float, float]:
        """The metric and the loss of a model that takes its inputs by name."""
        raw = answers(model, self.split)
        scores = raw if self.regression else class_scores(apply_activation(raw, self.activation))
        loss = self.loss(self.loss.targets(self.split), keras.ops.convert_to_tensor(raw))
        return self.metric.compute(scores, self.split.targets), float(loss)

    def rank(self, judged: tuple[float, float]) -> tuple[float, float]:
        """A key to sort by, of what `judge` gives: the best is the smallest."""
        value, loss = judged
        value = value if self.metric.lower_is_better else -value
        # Of NaN every comparison is false, and what comes first would stay the best for ever.
        return inf if isnan(value) else value, inf if isnan(loss) else loss


def answers(model: keras.Model, split: Split) -> npt.NDArray[Any]:
    """Raw outputs of a model that takes its inputs by name, [examples, outputs] float32."""
    inputs = {name: split.inputs[name] for name in model.input}
    raw: npt.NDArray[Any] = model.predict(in_order(inputs, _BATCH), verbose=0)
    return raw.astype("float32")
