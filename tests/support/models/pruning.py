"""What tests of pruning share: a small network, recipes, metrics, a checkpoint. Imports Keras."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from model_export.recipe.prune import PruneSection

layers = keras.layers


def recipe(**keys: Any) -> PruneSection:
    """A section of one epoch that is trained to its end."""
    return PruneSection(method="magnitude", **{"epochs": 1, "stop_early": False, **keys})


def sparsity(layer: Any, attribute: str = "kernel") -> float:
    """The fraction of zeros in a layer's kernel."""
    return float(np.mean(np.asarray(getattr(layer, attribute)) == 0))


def network(loss: Any = "sparse_categorical_crossentropy", **compiled: Any) -> keras.Model:
    """Three dense layers for `keras_models.flowers`, compiled and not trained."""
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((4,), name="features"),
            layers.Dense(10, activation="relu", name="first"),
            layers.Dense(10, activation="relu", name="second"),
            layers.Dense(3, activation="softmax", name="last"),
        ]
    )
    if isinstance(loss, dict):
        model = keras.Model(model.inputs[0], model.outputs[0])  # which has names of outputs
    # Tracing and compiling take longer than they save.
    quick = {"run_eagerly": True, "jit_compile": False}
    model.compile(loss=loss, **{"optimizer": "adam", **quick, **compiled})
    return model


@dataclass
class Accuracy:
    """The fraction of right answers."""

    name: str = "accuracy"
    lower_is_better: bool = False

    def compute(self, scores: npt.NDArray[Any], targets: npt.NDArray[Any]) -> float:
        """See `Metric`."""
        return float(np.mean(scores.argmax(axis=1) == targets))


@dataclass
class Error:
    """The mean distance to the right value."""

    name: str = "mae"
    lower_is_better: bool = True

    def compute(self, scores: npt.NDArray[Any], targets: npt.NDArray[Any]) -> float:
        """See `Metric`."""
        assert scores.shape == targets.shape
        return float(np.mean(np.abs(scores - targets)))


@dataclass
class Scripted:
    """Gives the numbers that it was told to, one at a time; the first is of the unpruned model."""

    values: list[float]
    lower_is_better: bool = False
    name: str = "scripted"

    def compute(self, scores: npt.NDArray[Any], targets: npt.NDArray[Any]) -> float:
        """See `Metric`."""
        return self.values.pop(0)


@dataclass
class Memory:
    """A checkpoint that keeps all that was saved."""

    saved: list[bytes] = field(default_factory=list)

    def load(self) -> bytes | None:
        """See `Checkpoint`."""
        return self.saved[-1] if self.saved else None

    def save(self, data: bytes) -> None:
        """See `Checkpoint`."""
        self.saved.append(data)
