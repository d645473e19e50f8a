"""A small Keras model for each kind of output, with its examples. Imports TensorFlow."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

layers = keras.layers
Array = npt.NDArray[Any]
Examples = tuple[dict[str, Array], dict[str, Array]]
"""Inputs and right answers, both by name."""

FEATURES = 6
TOPICS = ("sport", "politics", "weather")
SIZES = {"train": 300, "validation": 120, "test": 120}

# What a recipe names: the module is written beside the recipe.
_MODULE = """
from pathlib import Path

import numpy as np


def splits():
    with np.load(Path(__file__).with_suffix(".npz")) as arrays:
        found = {}
        for key in arrays.files:
            split, side, name = key.split("|")
            found.setdefault(split, ({}, {}))[side == "y"][name] = arrays[key]
    return {
        split: (x, y[""] if "" in y else y)
        for split, (x, y) in found.items()
    }
"""


@dataclass(frozen=True, slots=True)
class Kind:
    """A model of one kind.

    Attributes:
        make: gives so many examples of a seed.
        build: a compiled model, not trained.
        recipe: TOML, all but where model and data are.
    """

    make: Callable[[int, int], Examples]
    build: Callable[[], keras.Model]
    recipe: str = ""


def rare(count: int, seed: int) -> Examples:
    """Rows that are positive once in five times, which are hard to tell from the others."""
    rng = np.random.default_rng(seed)
    y = rng.random(count) < 0.2
    x = rng.normal(0, 1, (count, FEATURES)) + 0.8 * y[:, np.newaxis]
    return {"features": x.astype(np.float32)}, {"": y.astype(np.int64)}


def topics(count: int, seed: int) -> Examples:
    """Rows with any number of labels, one for each of the first features that is large."""
    rng = np.random.default_rng(seed)
    x = rng.normal(0, 1, (count, FEATURES))
    noise = rng.normal(0, 0.4, (count, len(TOPICS)))
    y = x[:, : len(TOPICS)] + noise > np.array([0.0, 0.5, 1.0])
    return {"features": x.astype(np.float32)}, {"": y.astype(np.float32)}


def prices(count: int, seed: int) -> Examples:
    """Rows, and a number that follows from them."""
    x = np.random.default_rng(seed).random((count, FEATURES), dtype=np.float32)
    return {"features": x}, {"": (20 * x[:, 0] - 5 * x[:, 1]).astype(np.float32)}


def houses(count: int, seed: int) -> Examples:
    """A picture and codes, which say what it is and what it costs."""
    rng = np.random.default_rng(seed)
    species = np.arange(count) % 3
    pixels = rng.normal(0, 0.3, (count, 4, 4, 1))
    pixels[np.arange(count), species] += 1
    codes = rng.integers(0, 5, (count, 2))
    price = 10.0 * codes[:, 0] + species
    return (
        {"pixels": pixels.astype(np.float32), "codes": codes.astype(np.int32)},
        {"species": species, "price": price.astype(np.float32)},
    )


def classic(last: Any, loss: Any) -> Callable[[], keras.Model]:
    """The classic of every tutorial."""

    def build() -> keras.Model:
        inputs = keras.Input((FEATURES,), name="features")
        hidden = layers.Dense(256, activation="relu", name="hidden")
        return compiled(keras.Sequential([inputs, hidden, last()]), loss)

    return build


def two_headed() -> keras.Model:
    """Two inputs of different shape and dtype, and two outputs of different kind."""
    pixels = keras.Input((4, 4, 1), name="pixels")
    codes = keras.Input((2,), name="codes", dtype="int32")
    code = layers.Flatten(name="flat_codes")(layers.Embedding(5, 4, name="embedded")(codes))
    joined = layers.Concatenate(name="joined")([layers.Flatten(name="flat")(pixels), code])
    hidden = layers.Dense(32, activation="relu", name="hidden")(joined)
    outputs = {
        "species": layers.Dense(3, activation="softmax", name="kinds")(hidden),
        "price": layers.Dense(1, name="money")(hidden),
    }
    losses = {"species": "sparse_categorical_crossentropy", "price": "mse"}
    return compiled(
        keras.Model([pixels, codes], outputs), losses, loss_weights={"species": 1.0, "price": 0.1}
    )


def compiled(model: keras.Model, loss: Any, **options: Any) -> keras.Model:
    """The model, ready for training."""
    # Compiling with XLA takes longer than it saves.
    model.compile(keras.optimizers.Adam(0.01), loss, jit_compile=False, **options)
    return model


KINDS = {
    "rare": Kind(
        rare,
        classic(lambda: layers.Dense(1, activation="sigmoid"), "binary_crossentropy"),
    ),
    "rare_logits": Kind(
        rare,
        classic(lambda: layers.Dense(1), keras.losses.BinaryCrossentropy(from_logits=True)),
        'model.labels = ["no", "yes"]',
    ),
    "topics": Kind(
        topics,
        classic(lambda: layers.Dense(len(TOPICS), activation="sigmoid"), "binary_crossentropy"),
        f"model.labels = {list(TOPICS)}\nprune = {{method = 'magnitude', epochs = 1}}",
    ),
    "prices": Kind(
        prices,
        classic(lambda: layers.Dense(1, name="price"), "mse"),
        'outputs.price = {task = "regression", units = "EUR", metric = "mae", max_drop = 0.5}',
    ),
    "houses": Kind(
        houses,
        two_headed,
        """
        outputs.species.labels = ["barn", "villa", "hut"]
        outputs.price = {task = "regression", units = "EUR", metric = "mae", max_drop = 0.5}
        prune = {method = "magnitude", epochs = 1}
        quantize.variants = ["float32", "static_int8"]
        """,
    ),
}


def fitted(kind: Kind) -> keras.Model:
    """The model of a kind, trained."""
    keras.utils.set_random_seed(0)
    model = kind.build()
    x, y = kind.make(SIZES["train"], 0)
    inputs = list(x.values())
    targets = y.get("", y)
    model.fit(
        inputs if len(inputs) > 1 else inputs[0], targets, epochs=15, batch_size=32, verbose=0
    )
    return model


def write_data(folder: Path, name: str, kind: Kind) -> dict[str, Examples]:
    """Writes ``NAME_data.py``, whose ``splits`` gives the examples.

    Returns:
        the examples, by split.
    """
    found = {split: kind.make(count, seed) for seed, (split, count) in enumerate(SIZES.items())}
    arrays = {
        f"{split}|{side}|{key}": array
        for split, both in found.items()
        for side, part in zip("xy", both, strict=True)
        for key, array in part.items()
    }
    np.savez(folder / f"{name}_data.npz", allow_pickle=False, **arrays)
    (folder / f"{name}_data.py").write_text(_MODULE)
    return found
