"""What is left of a model behind a cut."""

from __future__ import annotations

import keras
import numpy as np

from model_export.tf.preprocessing.core import rest_of
from tests.support.models.parity import source

layers = keras.layers


def test_the_rest_begins_at_other_tensors_and_keeps_names_weights_and_losses() -> None:
    entry = keras.Input((3,), name="entry")
    middle = layers.Dense(4, name="middle")(entry)
    whole = keras.Model(entry, layers.Dense(2, name="answer")(middle), name="whole")
    whole.compile("sgd", {"answer": "mse"})
    rest = rest_of(source(whole), whole, [("tokens", middle)], "model.keras")
    assert [(info.name, info.shape) for info in rest.inputs] == [("tokens", (None, 4))]
    assert [info.name for info in rest.outputs] == ["answer"]
    assert rest.model.loss == {"answer": "mse"}
    assert rest.model.get_layer("answer") is whole.get_layer("answer")
    x = np.random.default_rng(0).random((5, 3), dtype=np.float32)
    found = rest.predict({"tokens": np.asarray(whole.get_layer("middle")(x))})["answer"]
    np.testing.assert_allclose(found, np.asarray(whole(x)), rtol=1e-6)
