"""What resizes pictures within models of a model is cut off without harm to what else is there."""

from __future__ import annotations

import inspect
from typing import Any

import keras
import numpy as np

from model_export.tf.graph import walk_layers
from model_export.tf.preprocessing.images import RANDOM, split_pictures
from model_export.tf.source import KerasSource
from tests.support.examples.image_files import smooth
from tflite_serving.contract.image import Resize

ANY = (None, None, 3)
layers = keras.layers


def test_a_model_that_two_inputs_share_is_cut_off_both_and_the_others_stay() -> None:
    sized = keras.Sequential([keras.Input(ANY), layers.Resizing(4, 5)], name="sized")
    seen = keras.Sequential([layers.Conv2D(2, 3, name="edges"), layers.Flatten()], name="seen")
    both = [keras.Input(ANY, name=name) for name in ("left", "right")]
    answer = layers.Dense(2, name="answer")(layers.Subtract()([seen(sized(x)) for x in both]))
    model = keras.Model(both, {"same": answer})
    model.compile("adam", {"same": "mse"})
    whole = KerasSource(model, "model.keras")
    core = split_pictures(whole, "model.keras").core
    assert [(info.name, info.shape) for info in core.inputs] == [
        ("left", (None, 4, 5, 3)),
        ("right", (None, 4, 5, 3)),
    ]
    assert core.outputs == whole.outputs
    assert core.model.loss == {"same": "mse"}
    assert "seen/edges" in dict(walk_layers(core.model))
    assert "sized" not in core.layers
    x = {name: smooth(4, 5, seed)[np.newaxis] for seed, name in enumerate(("left", "right"))}
    assert np.array_equal(core.predict(x)["same"], whole.predict(x)["same"])


def test_a_model_of_several_inputs_prepares_each_of_them() -> None:
    def entries() -> dict[str, Any]:
        return {"photo": keras.Input(ANY, name="photo"), "age": keras.Input((1,), name="age")}

    raw, asked = entries(), entries()
    prepared = {
        "small": layers.CenterCrop(4, 5)(layers.Rescaling(1 / 255)(raw["photo"])),
        "age": layers.Normalization(mean=40.0, variance=100.0)(raw["age"]),
    }
    found = keras.Model(raw, prepared, name="prepared")(asked)
    joined = layers.Concatenate(name="seen")([layers.Flatten()(found["small"]), found["age"]])
    whole = KerasSource(keras.Model(asked, joined), "model.keras")
    parts = split_pictures(whole, "model.keras")
    assert parts.fronts["photo"].resize == Resize(height=4, width=5, fit="center")
    photo, age = smooth(4, 5)[np.newaxis].astype(np.float32), np.array([[50]], np.float32)
    cut = parts.core.predict({"photo": photo / 255, "age": age})["seen"]
    assert np.allclose(cut, whole.predict({"photo": photo, "age": age})["seen"])


def test_what_is_needed_besides_is_not_cut_off() -> None:
    entry = keras.Input(ANY, name="photo")
    scaled = layers.Rescaling(1 / 255)(entry)
    prepared = keras.Model(entry, [layers.Resizing(4, 5)(scaled), scaled])
    outer = keras.Input(ANY, name="photo")
    sized, large = prepared(outer)
    mean = layers.GlobalAveragePooling2D()(large)
    seen = layers.Concatenate(name="seen")([layers.Flatten()(sized), mean])
    whole = KerasSource(keras.Model(outer, seen), "model.keras")
    assert split_pictures(whole, "model.keras").core is whole


def test_what_is_random_gives_what_it_takes_outside_of_a_training() -> None:
    pixels = smooth(9, 8)[np.newaxis]
    for kind in RANDOM:
        taken = inspect.signature(kind).parameters
        layer = kind(
            **{each: 1 for each in ("factor", "height_factor", "width_factor") if each in taken}
        )
        for x in (pixels, pixels.astype(np.float32)):
            assert np.array_equal(layer(x, training=False), x)
