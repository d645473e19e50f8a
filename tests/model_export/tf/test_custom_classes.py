"""A model of the user's own class, registered where its examples are made, and its own training."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import keras
import pytest
from click.testing import Result

from tests.support.models import keras_models

Cli = Callable[..., Result]
_CODE = """
import keras
import numpy as np

@keras.saving.register_keras_serializable("own")
class Net(keras.Model):
    def __init__(self, **options):
        super().__init__(**options)
        self.hidden = keras.layers.Dense(16, activation="relu", name="hidden")
        self.scores = keras.layers.Dense(3, activation="softmax", name="scores")

    def call(self, x):
        return self.scores(self.hidden(x))

def my_loss(y_true, y_pred):
    return keras.losses.sparse_categorical_crossentropy(y_true, y_pred)

custom = {"my_loss": my_loss}

def build():
    x = keras.Input((4,), name="features")
    model = keras.Model(x, Net(name="net")(x))
    model.compile(loss=my_loss, metrics=[my_loss], optimizer="adam", jit_compile=False)
    return model

def splits():
    with np.load(FILE) as data:
        return {
            name: (data[f"x_{name}"], data[f"y_{name}"]) for name in ("train", "validation", "test")
        }
"""


@pytest.fixture
def recipe(tmp_path: Path) -> Iterator[Path]:
    """Of a model whose class nothing in this process knows yet."""
    from model_export.recipe.user_code import import_object

    keras_models.save_npz(tmp_path / "data.npz", keras_models.flowers)
    code = _CODE.replace("FILE", repr(str(tmp_path / "data.npz")))
    (tmp_path / "own_net.py").write_text(code)
    model = import_object("own_net:build", tmp_path)()
    data = keras_models.flowers(240, 0)
    model.fit(data.inputs["features"], data.targets, epochs=15, verbose=0)
    model.save(tmp_path / "own.keras")
    _forget()
    (tmp_path / "recipe.toml").write_text(
        '[model]\nname = "own"\nsource = "own.keras"\n[data]\nsource = "own_net:splits"\n'
        '[quantize]\nvariants = ["float32"]\n[measure]\nstarts = 1\nrounds = 2\n'
        "[gate]\nmax_drop = 0.2\n"
    )
    yield tmp_path / "recipe.toml"
    _forget()


def _forget() -> None:
    keras.saving.get_custom_objects().pop("own>Net", None)
    sys.modules.pop("own_net", None)


def test_it_is_exported_without_naming_its_class_or_its_loss(cli: Cli, recipe: Path) -> None:
    done = cli("export", recipe, "--dry-run")
    assert done.exit_code == 0, done.stderr


def test_its_own_loss_is_asked_for_only_where_it_is_trained(cli: Cli, recipe: Path) -> None:
    prune = ("--dry-run", "--set", 'prune.method="magnitude"', "--set", "prune.epochs=1")
    refused = cli("export", recipe, *prune)
    assert refused.exit_code == 3
    assert "fine-tuning needs the loss that the model was compiled with" in refused.stderr
    assert "model.custom_objects" in refused.stderr
    for more in ("model.custom_objects=own_net:custom", "prune.epochs=0"):
        done = cli("export", recipe, *prune, "--set", more)
        assert done.exit_code == 0, done.stderr


def test_what_each_layer_bears_is_measured_without_its_loss(cli: Cli, recipe: Path) -> None:
    done = cli("sensitivity", recipe)
    assert done.exit_code == 0, done.stderr
    assert "/hidden" in done.stdout
