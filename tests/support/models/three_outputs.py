"""A model of three outputs, each of another task, with its examples and goals. Imports Keras."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from model_export.dataset.splits import Split
from model_export.tf.pruning.prune import Goal
from tests.support.models.pruning import Accuracy, Error

layers = keras.layers


def examples(count: int, seed: int) -> Split:
    """Rows; which of three numbers is the largest, what they add up to, and which are positive."""
    x = np.random.default_rng(seed).normal(0, 1, (count, 3)).astype(np.float32)
    others = {"total": x.sum(axis=1, keepdims=True), "signs": x > 0}
    return Split({"x": x}, x.argmax(axis=1).astype(np.int64), others)


TRAIN, FEW = examples(96, 1), examples(40, 2)

LOSSES = {
    "largest": "sparse_categorical_crossentropy",
    "total": "mse",
    "signs": "binary_crossentropy",
}


@dataclass
class Hits:
    """The fraction of labels that are told right."""

    name: str = "hits"
    lower_is_better: bool = False

    def compute(self, scores: npt.NDArray[Any], targets: npt.NDArray[Any]) -> float:
        """See `Metric`."""
        return float(((scores >= 0.5) == targets).mean())


GOALS = (
    Goal(Accuracy(), max_drop=0.1, name="largest accuracy"),
    Goal(Error(), max_drop=0.5),
    Goal(Hits(), max_drop=0.2),
)


def network(losses: Any = LOSSES, **compiled: Any) -> keras.Model:
    keras.utils.set_random_seed(0)
    x = keras.Input((3,), name="x")
    hidden = layers.Dense(16, activation="relu", name="hidden")(x)
    outputs = [
        layers.Dense(3, activation="softmax", name="largest")(hidden),
        layers.Dense(1, name="total")(hidden),
        layers.Dense(3, activation="sigmoid", name="signs")(hidden),
    ]
    model = keras.Model(x, outputs)
    quick = {"run_eagerly": True, "jit_compile": False}
    model.compile(keras.optimizers.Adam(0.03), losses, **quick, **compiled)
    return model
