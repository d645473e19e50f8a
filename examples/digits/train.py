"""Trains a small CNN on scikit-learn's handwritten digits. Run as a script, it saves the model."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.datasets import load_digits

from examples.fitting import train_as_script, trainer
from examples.splitting import three_ways

Split = tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]

EPOCHS = 20


def splits() -> dict[str, Split]:
    """The 1,797 digits, 8×8 gray levels from 0 to 1: six tenths to train, one to validate."""
    digits = load_digits()
    images = (digits.images / 16).astype(np.float32)[..., np.newaxis]
    labels = digits.target.astype(np.int64)
    return {name: (images[rows], labels[rows]) for name, rows in three_ways(labels).items()}


def build() -> Any:
    """The network: two convolutions and two dense layers, 21,000 weights."""
    import keras

    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((8, 8, 1), name="pixels"),
            keras.layers.Conv2D(16, 3, padding="same", activation="relu", name="edges"),
            keras.layers.MaxPooling2D(name="shrink"),
            keras.layers.Conv2D(32, 3, padding="same", activation="relu", name="shapes"),
            keras.layers.Flatten(name="flat"),
            keras.layers.Dropout(0.3, name="drop"),
            keras.layers.Dense(32, activation="relu", name="hidden"),
            keras.layers.Dense(10, activation="softmax", name="digit"),
        ],
        name="digits",
    )
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


train = trainer(splits, lambda _: build(), epochs=EPOCHS, batch_size=16)

if __name__ == "__main__":
    train_as_script(train, __file__)
