"""What a layer or TensorFlow raises while the model runs is told with the layer and a way out."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from model_export.dataset.splits import Split
from model_export.errors import ConversionError, UsageError
from model_export.tf.convert import convert_float32
from model_export.tf.running import channels_first, running
from model_export.tf.source import KerasSource, SavedModelSource
from tests.support.models import keras_models

layers = keras.layers
FIRST = {"data_format": "channels_first"}


@keras.saving.register_keras_serializable("running")
class Fails(keras.layers.Layer):  # type: ignore[misc]  # keras has no types
    """A layer that fails when it is run, not when the model is built."""

    calls = 0

    def call(self, x: Any) -> Any:
        self.calls += 1
        if self.calls > 1:
            raise RuntimeError("no such table\nsecond line")
        return x


def told(call: Callable[[], Any]) -> str:
    with pytest.raises(ConversionError) as caught:
        call()
    return str(caught.value)


def words() -> keras.Model:
    return keras.Sequential(
        [
            keras.Input((4,), dtype="int32", name="tokens"),
            layers.Embedding(5, 3, name="table"),
            layers.Flatten(),
            layers.Dense(3, activation="softmax"),
        ]
    )


TOO_LARGE = {"tokens": np.full((7, 4), 9, np.int32)}


def test_an_error_within_the_graph_names_the_layer() -> None:
    source = KerasSource(words(), "words.keras")
    found = told(lambda: source.predict(TOO_LARGE))
    assert found == (
        "words.keras: the model cannot be run: layer 'table' (Embedding): InvalidArgumentError: "
        "indices[0,0] = 9 is not in [0, 5); the model must run here, on the examples of the "
        "recipe: see that model.predict does"
    )


def test_a_layer_of_the_users_own_that_raises_is_named_when_it_is_run_or_converted() -> None:
    model = keras.Sequential([keras.Input((4,), name="x"), Fails(name="lookup"), layers.Dense(2)])
    source = KerasSource(model, "m.keras")
    wanted = "m.keras: the model cannot be run: layer 'lookup' (Fails): RuntimeError: no such table"
    assert told(lambda: source.predict({"x": np.zeros((3, 4), np.float32)})).startswith(wanted)
    assert told(lambda: convert_float32(source)).startswith(wanted)


def test_a_saved_models_operator_is_told(tmp_path: Path) -> None:
    words().export(tmp_path / "model", verbose=False)
    source = SavedModelSource(tmp_path / "model")
    found = told(lambda: source.predict(TOO_LARGE))
    assert "model: the model cannot be run" in found
    assert "indices[0,0] = 9 is not in [0, 5)" in found


def test_errors_of_ours_pass() -> None:
    with pytest.raises(UsageError, match="as it is"), running("m", {}, None):
        raise UsageError("as it is")


def pictures(*, first: bool) -> keras.Model:
    """A convolutional network for pictures with their channels first."""
    x = keras.Input((3, 8, 8), name="x")
    form = FIRST if first else {}
    y = x if first else layers.Permute((2, 3, 1))(x)
    y = layers.Conv2D(4, 3, activation="relu", name="edges", **form)(y)
    y = layers.BatchNormalization(axis=1 if first else -1)(y)
    y = layers.MaxPooling2D(2, **form)(y)
    if not first:
        y = layers.Permute((3, 1, 2))(y)
    y = layers.Dense(3, activation="softmax")(layers.Flatten()(y))
    return keras.Model(x, y)


def test_the_way_out_of_channels_first_gives_the_same_answers() -> None:
    model, again = pictures(first=True), pictures(first=False)
    assert channels_first(model) == ["edges", "max_pooling2d"]
    assert channels_first(again) == []
    again.set_weights(model.get_weights())
    x = np.random.default_rng(0).random((5, 3, 8, 8), np.float32)
    try:
        answers = np.asarray(model(x, training=False))
    except Exception as error:
        pytest.skip(f"this processor cannot compute them: {error}")
    np.testing.assert_allclose(np.asarray(again(x, training=False)), answers, atol=1e-6)


def test_channels_first_that_the_processor_cannot_compute_ends_with_the_way_out(
    recipe_for: Callable[..., Path], tmp_path: Path
) -> None:
    pictures(first=True).save(tmp_path / "model.keras")
    rng = np.random.default_rng(0)
    arrays: dict[str, Any] = {}
    for name in ("train", "validation", "test"):
        arrays[f"x_{name}"] = rng.random((30, 3, 8, 8), np.float32)
        arrays[f"y_{name}"] = np.arange(30) % 3
    np.savez(tmp_path / "data.npz", allow_pickle=False, **arrays)
    recipe = recipe_for(
        "dense",
        model__source=str(tmp_path / "model.keras"),
        data__source=str(tmp_path / "data.npz"),
    )
    # TensorFlow's own kernels, as on processors that oneDNN does not know.
    ran = subprocess.run(
        [sys.executable, "-m", "model_export", "export", recipe, "--dry-run"],
        env={**os.environ, "TF_ENABLE_ONEDNN_OPTS": "0"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 3, ran.stderr
    assert "Traceback" not in ran.stderr
    assert "layer 'edges' (Conv2D)" in ran.stderr
    assert "'channels_first', which not every processor can compute: build" in ran.stderr


@pytest.mark.parametrize(
    ("task", "wanted"),
    [
        ("regression", "fine-tuning: the model cannot be trained: KeyError: "),
        ("classification", "prune: the loss broken of output 'scores' cannot be computed, "),
    ],
)
def test_a_loss_of_the_users_own_that_raises_ends_fine_tuning_with_a_message(
    task: str, wanted: str
) -> None:
    from model_export.recipe.prune import PruneSection
    from model_export.tf.pruning.prune import prune
    from tests.support.models.pruning import Accuracy, Error

    def broken(*_: Any) -> Any:
        raise KeyError("weights of the classes")

    model = keras.Sequential(
        [keras.Input((4,), name="features"), layers.Dense(8), layers.Dense(3, name="scores")]
    )
    model.compile(loss=broken, jit_compile=False)
    data = keras_models.flowers(60, 0)
    metric: Any = Accuracy()
    if task == "regression":
        data = Split(data.inputs, np.zeros((60, 3), np.float32))
        metric = Error()
    found = told(lambda: prune(model, PruneSection(method="magnitude"), data, data, metric))
    assert found.startswith(wanted)
    assert "weights of the classes" in found
    assert "set prune.epochs = 0" in found
