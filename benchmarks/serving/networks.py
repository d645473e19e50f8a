"""The Keras models that are served. Run as a script, builds one of them.

    python -m benchmarks.serving.networks NAME FOLDER

writes ``FOLDER/model.keras``, and into ``FOLDER/example.npz`` an instance of the test split with
the model's own scores: the one whose best class stands out most, so that quantization leaves its
label as it is.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.compression.data import breast_cancer
from benchmarks.serving import photos
from examples.digits import train as digits
from examples.digits.train import Split

_PHOTO = (224, 224, 3)
_CLASSES = 1000
_EMBEDDING = 512
_SPREAD = 4.0
"""Standard deviation of the logits of networks with random weights."""


@dataclass(frozen=True, slots=True)
class Network:
    """One of them.

    Attributes:
        source: its examples, as ``data.source`` of a recipe names them.
        data: gives these examples.
        build: the untrained, compiled Keras model.
        epochs: passes over the training split; 0 leaves the weights random.
    """

    source: str
    data: Callable[[], Mapping[str, Split | photos.Split]]
    build: Callable[[], Any]
    epochs: int


def noise() -> dict[str, Split]:
    """A few random color images, [examples, 224, 224, 3], 0 to 1; no class means anything."""
    rng = np.random.default_rng(0)
    return {
        name: (rng.random((count, *_PHOTO), dtype=np.float32), np.arange(count, dtype=np.int64))
        for name, count in (("train", 16), ("validation", 8), ("test", 8))
    }


def mlp() -> Any:
    """Two hidden layers on 30 features: the usual model for a table."""
    import keras

    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((30,), name="features"),
            keras.layers.Dense(64, activation="relu"),
            keras.layers.Dense(64, activation="relu"),
            keras.layers.Dense(2, activation="softmax"),
        ],
        name="mlp",
    )
    model.compile("adam", "sparse_categorical_crossentropy")
    return model


def embeddings() -> dict[str, Split]:
    """Random vectors as of another network, [examples, 512]; no class means anything."""
    rng = np.random.default_rng(0)
    return {
        name: (
            rng.standard_normal((count, _EMBEDDING), dtype=np.float32),
            np.arange(count, dtype=np.int64) % 10,
        )
        for name, count in (("train", 200), ("validation", 50), ("test", 50))
    }


def wide() -> Any:
    """Wide dense layers on an embedding, with random weights: to read them is most of the work."""
    import keras

    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((_EMBEDDING,), name="embedding"),
            keras.layers.Dense(2048, activation="relu"),
            keras.layers.Dense(2048, activation="relu"),
            keras.layers.Dense(10, activation="softmax"),
        ],
        name="wide",
    )
    _spread_logits(model, embeddings()["train"][0][:1])
    return model


def mobilenet() -> Any:
    """MobileNetV2 for 1000 classes, with random weights.

    Sandler et al., "MobileNetV2: Inverted Residuals and Linear Bottlenecks" (2018),
    https://arxiv.org/abs/1801.04381.
    """
    import keras

    keras.utils.set_random_seed(0)
    model = keras.applications.MobileNetV2(weights=None, classes=_CLASSES)
    _spread_logits(model, noise()["train"][0][:1])
    return model


def photo() -> Any:
    """The same network for pictures: it brings 0 to 255 to its range by itself."""
    import keras

    keras.utils.set_random_seed(0)
    entry = keras.Input(_PHOTO, name="photo")
    ranged = keras.layers.Rescaling(1 / 127.5, -1, name="range")(entry)
    model = keras.applications.MobileNetV2(weights=None, classes=_CLASSES, input_tensor=ranged)
    _spread_logits(model, photos.splits()["train"][0][:1])
    return model


def _spread_logits(model: Any, example: Any) -> None:
    """Random weights give every class the same score: nobody could tell a right answer by it."""
    import keras

    before = keras.Model(model.inputs, model.layers[-1].input)
    features = before.predict(example, verbose=0)[0]
    kernel, bias = model.layers[-1].get_weights()
    model.layers[-1].set_weights([kernel * _SPREAD / np.std(features @ kernel), bias])


NETWORKS = {
    "digits": Network("examples.digits.train:splits", digits.splits, digits.build, digits.EPOCHS),
    "mlp": Network("benchmarks.compression.data:breast_cancer", breast_cancer, mlp, 20),
    "wide": Network("benchmarks.serving.networks:embeddings", embeddings, wide, 0),
    "photo": Network("benchmarks.serving.photos:splits", photos.splits, photo, 0),
    "mobilenet": Network("benchmarks.serving.networks:noise", noise, mobilenet, 0),
}


def main(name: str, folder: Path) -> None:
    """The command line above."""
    network = NETWORKS[name]
    data = network.data()
    model = network.build()
    if network.epochs:
        model.fit(*data["train"], epochs=network.epochs, batch_size=16, verbose=2)
    model.save(folder / "model.keras")
    examples = data["test"][0][:100].astype(np.float32)
    scores = model.predict(examples, verbose=0)
    best_two = np.sort(scores, axis=1)[:, -2:]
    clearest = int((best_two[:, 1] - best_two[:, 0]).argmax())
    row = slice(clearest, clearest + 1)
    calibration = data["train"][0][:100].astype(np.float32)
    np.savez(folder / "example.npz", x=examples[row], scores=scores[row], calibration=calibration)


if __name__ == "__main__":
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    main(sys.argv[1], Path(sys.argv[2]))
