"""Trains a CNN on Fashion-MNIST: photos of clothes. Run as a script, it saves the model."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from examples.fashion_mnist import fashion_mnist
from examples.fitting import train_as_script, trainer

Split = tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]

EPOCHS = 8
_VALIDATION = 6_000
_SMALL = 2_000


def splits() -> dict[str, Split]:
    """The 70,000 photos, 28×28 gray levels from 0 to 255; the data set's own 10,000 to test."""
    x, y = fashion_mnist("train")
    # They are in no order, so that the last are as good as any.
    return {
        "train": (x[:-_VALIDATION], y[:-_VALIDATION]),
        "validation": (x[-_VALIDATION:], y[-_VALIDATION:]),
        "test": fashion_mnist("t10k"),
    }


def small_splits() -> dict[str, Split]:
    """The first of each, for a try."""
    return {name: (x[:_SMALL], y[:_SMALL]) for name, (x, y) in splits().items()}


def build() -> Any:
    """The network: bytes to 0 to 1, two convolutions, two dense layers, 109,000 weights."""
    import keras

    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((28, 28, 1), name="photo"),
            keras.layers.Rescaling(1 / 255, name="range"),
            keras.layers.Conv2D(16, 3, activation="relu", name="edges"),
            keras.layers.MaxPooling2D(name="half"),
            keras.layers.Conv2D(32, 3, activation="relu", name="shapes"),
            keras.layers.MaxPooling2D(name="quarter"),
            keras.layers.Flatten(name="flat"),
            keras.layers.Dropout(0.3, name="drop"),
            keras.layers.Dense(128, activation="relu", name="hidden"),
            keras.layers.Dense(10, activation="softmax", name="garment"),
        ],
        name="fashion",
    )
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


train = trainer(splits, lambda _: build(), epochs=EPOCHS, batch_size=128)
train_small = trainer(small_splits, lambda _: build(), epochs=EPOCHS, batch_size=64)

if __name__ == "__main__":
    train_as_script(train, __file__)
