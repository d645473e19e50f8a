"""Trains a classifier of tumors on scikit-learn's breast cancer data: records of thirty numbers.

Run as a script, it saves the model.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.datasets import load_breast_cancer

from examples.fitting import train_as_script, trainer
from examples.splitting import three_ways

Rows = npt.NDArray[np.float32]
Record = dict[str, npt.NDArray[np.float32]]
Split = tuple[Record, npt.NDArray[np.int64]]

EPOCHS = 20


def splits() -> dict[str, Split]:
    """The 569 tumors, each feature under its name; 0 is malignant and 1 benign."""
    data = load_breast_cancer()
    columns = {
        name.replace(" ", "_"): data.data[:, index].astype(np.float32)
        for index, name in enumerate(data.feature_names)
    }
    labels = data.target.astype(np.int64)
    return {
        name: ({feature: values[rows] for feature, values in columns.items()}, labels[rows])
        for name, rows in three_ways(labels).items()
    }


def rows() -> dict[str, tuple[Rows, npt.NDArray[np.int64]]]:
    """The same as the model takes them: [tumors, features], in the order of their names."""
    return {
        name: (np.stack(list(records.values()), axis=1), labels)
        for name, (records, labels) in splits().items()
    }


def build(features: Rows) -> Any:
    """The network: features made alike, one hidden layer, and the probability of "benign".

    Args:
        features: [tumors, features] of the training split, to learn mean and variance from.
    """
    import keras

    keras.utils.set_random_seed(0)
    normalize = keras.layers.Normalization(name="normalize")
    normalize.adapt(features)
    model = keras.Sequential(
        [
            keras.Input((features.shape[1],), name="features"),
            normalize,
            keras.layers.Dense(256, activation="relu", name="hidden"),
            keras.layers.Dense(1, activation="sigmoid", name="benign"),
        ],
        name="breast_cancer",
    )
    model.compile(optimizer="adam", loss="binary_crossentropy", metrics=["accuracy"])
    return model


train = trainer(rows, build, epochs=EPOCHS, batch_size=32)

if __name__ == "__main__":
    train_as_script(train, __file__)
