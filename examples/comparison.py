"""What Keras answers to a test split and what the function answers, side by side."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import requests

from examples.function import predict

Array = npt.NDArray[Any]
Inputs = Array | Mapping[str, Array]


@dataclass(frozen=True, slots=True)
class Comparison:
    """Both models' answers to the same examples.

    Attributes:
        keras, served: [examples, classes], the probability of each class.
        labels: [examples], the index of the right class.
        milliseconds: [examples], of each question over HTTP.
    """

    keras: npt.NDArray[np.float64]
    served: npt.NDArray[np.float64]
    labels: npt.NDArray[np.int64]
    milliseconds: npt.NDArray[np.float64]

    @property
    def agreement(self) -> float:
        """Fraction of examples to which both give the same label."""
        return float((self.keras.argmax(axis=1) == self.served.argmax(axis=1)).mean())

    @property
    def differences(self) -> npt.NDArray[np.float64]:
        """[examples, classes]: how far the probabilities are apart."""
        return np.abs(self.keras - self.served)

    def accuracy(self, scores: npt.NDArray[np.float64]) -> float:
        """Fraction of examples whose right class has the highest of `scores`."""
        return float((scores.argmax(axis=1) == self.labels).mean())


def compare(
    model: Path, url: str, x: Inputs, labels: npt.NDArray[np.int64], names: tuple[str, ...]
) -> Comparison:
    """Asks Keras and the function about the same raw inputs, the function one by one.

    Args:
        model: the ``.keras`` file.
        url: of the function.
        x: inputs as the splits of an example have them, [examples, …].
        labels: [examples], the right classes.
        names: of the classes, in their order.

    Raises:
        click.ClickException: the function refused.
    """
    keras = _ask_keras(model, x)
    session = requests.Session()
    answers = [predict(session, url, instance(x, row)) for row in range(len(labels))]
    served = np.array([[answer["scores"][name] for name in names] for answer, _ in answers])
    return Comparison(keras, served, labels, np.array([took for _, took in answers]))


def _ask_keras(path: Path, x: Inputs) -> npt.NDArray[np.float64]:
    import keras
    import tensorflow as tf

    model = keras.models.load_model(path)
    # Keras takes strings in no other form.
    examples = tf.data.Dataset.from_tensor_slices((x,)).batch(256)
    scores = np.asarray(model.predict(examples, verbose=0), dtype=np.float64)
    # A sigmoid gives the second class alone.
    return np.hstack([1 - scores, scores]) if scores.shape[1] == 1 else scores


def instance(x: Inputs, row: int) -> Any:
    """One example as it stands in JSON."""
    if isinstance(x, Mapping):
        return {name: values[row].item() for name, values in x.items()}
    return x[row].tolist()


def first(x: Inputs, count: int) -> Inputs:
    """The first examples."""
    if isinstance(x, Mapping):
        return {name: values[:count] for name, values in x.items()}
    return x[:count]
