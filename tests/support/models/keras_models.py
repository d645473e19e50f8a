"""Small Keras models, and the examples that they learn in a moment. Imports TensorFlow."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from model_export.dataset.splits import Split

layers = keras.layers
FEATURES, SIDE, CLASSES = 4, 6, 3
LABELS = ("flat", "upright", "blank")
Array = npt.NDArray[Any]


def flowers(count: int, seed: int) -> Split:
    """Rows of four features around one center for each of three classes."""
    rng = np.random.default_rng(seed)
    classes = np.arange(count) % CLASSES
    centers = np.eye(CLASSES, FEATURES) * 2
    x = centers[classes] + rng.normal(0, 0.4, (count, FEATURES))
    return Split({"features": x.astype(np.float32)}, classes.astype(np.int64))


def bars(count: int, seed: int) -> Split:
    """Images of six by six pixels: a flat bar, an upright one, or none, and noise."""
    rng = np.random.default_rng(seed)
    classes = np.arange(count) % CLASSES
    images = rng.normal(0, 0.1, (count, SIDE, SIDE, 1))
    for image, label, place in zip(images, classes, rng.integers(0, SIDE, count), strict=True):
        if label == 0:
            image[place] += 1
        elif label == 1:
            image[:, place] += 1
    return Split({"pixels": images.astype(np.float32)}, classes.astype(np.int64))


def dense() -> keras.Model:
    """Two dense layers that end in softmax; trained on flowers."""
    keras.utils.set_random_seed(0)
    return _fitted(
        keras.Sequential(
            [
                keras.Input((FEATURES,), name="features"),
                layers.Dense(16, activation="relu", name="hidden"),
                layers.Dense(CLASSES, activation="softmax", name="species"),
            ]
        ),
        flowers(240, 0),
    )


def logits() -> keras.Model:
    """Like `dense`, without the softmax."""
    keras.utils.set_random_seed(0)
    return _fitted(
        keras.Sequential(
            [
                keras.Input((FEATURES,), name="features"),
                layers.Dense(16, activation="relu", name="hidden"),
                layers.Dense(CLASSES, name="species"),
            ]
        ),
        flowers(240, 0),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )


def binary() -> keras.Model:
    """One sigmoid score: is it of class 1? Trained on flowers of the first two classes."""
    keras.utils.set_random_seed(0)
    data = flowers(240, 0)
    two = data.rows(np.flatnonzero(data.targets < 2))
    model = keras.Sequential(
        [
            keras.Input((FEATURES,), name="features"),
            layers.Dense(8, activation="relu", name="hidden"),
            layers.Dense(1, activation="sigmoid", name="positive"),
        ]
    )
    return _fitted(model, two, loss="binary_crossentropy")


def conv() -> keras.Model:
    """Convolutions, normalisation, a Flatten and dense layers; trained on bars."""
    keras.utils.set_random_seed(0)
    return _fitted(
        keras.Sequential(
            [
                keras.Input((SIDE, SIDE, 1), name="pixels"),
                layers.Conv2D(6, 3, padding="same", activation="relu", name="edges"),
                layers.BatchNormalization(name="norm"),
                layers.DepthwiseConv2D(3, padding="same", name="depth"),
                layers.MaxPooling2D(name="shrink"),
                layers.Flatten(name="flat"),
                layers.Dense(16, activation="relu", name="hidden"),
                layers.Dense(CLASSES, activation="softmax", name="shape"),
            ]
        ),
        bars(240, 0),
        epochs=12,
    )


def outlier() -> keras.Model:
    """A classifier of flowers with one activation of ten thousand, which int8 cannot follow.

    What the layer "second" makes too large, "third" takes back: in float it answers as before.
    """
    keras.utils.set_random_seed(0)
    names = ("first", "second", "third")
    model = keras.Sequential(
        [
            keras.Input((FEATURES,), name="features"),
            *(layers.Dense(16, activation="relu", name=name) for name in names),
            layers.Dense(CLASSES, activation="softmax", name="species"),
        ]
    )
    data = flowers(240, 0)
    _fitted(model, data)
    shallow = keras.Model(model.inputs[0], model.get_layer("second").output)
    busiest = int(answers(shallow, data.inputs["features"]).mean(axis=0).argmax())
    (kernel, bias), (next_kernel, next_bias) = (
        model.get_layer(name).get_weights() for name in names[1:]
    )
    kernel[:, busiest] *= 1e4
    bias[busiest] *= 1e4
    next_kernel[busiest] *= 1e-4
    model.get_layer("second").set_weights([kernel, bias])
    model.get_layer("third").set_weights([next_kernel, next_bias])
    return model


def prices(count: int, seed: int) -> Split:
    """Rows of four features, and two numbers that follow from them, such as 10 and -20."""
    x = np.random.default_rng(seed).random((count, FEATURES), dtype=np.float32)
    first = 20 * x[:, 0] - 5 * x[:, 1]
    return Split({"features": x}, np.stack([first, -20 * x[:, 2]], axis=1).astype(np.float32))


def regression() -> keras.Model:
    """Two numbers of `prices`."""
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((FEATURES,), name="features"),
            layers.Dense(16, activation="relu", name="hidden"),
            layers.Dense(2, name="price"),
        ]
    )
    return _fitted(model, prices(240, 0), loss="mse", epochs=30)


def two_inputs(*, as_dict: bool = False) -> keras.Model:
    """An image and a row; the inputs' order is no alphabet's. Not trained."""
    keras.utils.set_random_seed(0)
    pixels = keras.Input((SIDE, SIDE, 1), name="pixels")
    features = keras.Input((FEATURES,), name="features")
    joined = layers.Concatenate(name="joined")([layers.Flatten(name="flat")(pixels), features])
    hidden = layers.Dense(8, activation="relu", name="hidden")(joined)
    scores = layers.Dense(CLASSES, activation="softmax", name="scores")(hidden)
    inputs = {"pixels": pixels, "features": features} if as_dict else [pixels, features]
    return keras.Model(inputs, scores)


def pairs(count: int, seed: int) -> Split:
    """Examples for `two_inputs`, in another order than the model's."""
    features, pixels = flowers(count, seed), bars(count, seed)
    return Split({**features.inputs, **pixels.inputs}, pixels.targets)


def save_npz(
    path: Path, make: Callable[[int, int], Split], *, classes: int | None = CLASSES
) -> None:
    """Writes the splits that `make` gives as the pipeline reads them, with one input.

    Args:
        path: of the ``.npz`` file.
        make: gives so many examples of a seed.
        classes: those beyond are left out; None where there are none.
    """
    arrays: dict[str, Array] = {}
    for seed, (name, count) in enumerate((("train", 240), ("validation", 60), ("test", 90))):
        split = make(count, seed)
        if classes is not None:
            split = split.rows(np.flatnonzero(split.targets < classes))
        (arrays[f"x_{name}"],) = split.inputs.values()
        arrays[f"y_{name}"] = split.targets
    np.savez(path, allow_pickle=False, **arrays)


def answers(model: keras.Model, *inputs: Array) -> Array:
    """What the Keras model itself says: [examples, classes]."""
    result = model(inputs[0] if len(inputs) == 1 else list(inputs), training=False)
    return np.asarray(result)


def _fitted(
    model: keras.Model,
    data: Split,
    loss: Any = "sparse_categorical_crossentropy",
    epochs: int = 10,
) -> keras.Model:
    # Compiling with XLA takes longer than it saves.
    model.compile(optimizer=keras.optimizers.Adam(0.02), loss=loss, jit_compile=False)
    (x,) = data.inputs.values()
    model.fit(x, data.targets, epochs=epochs, batch_size=32, verbose=0)
    return model
