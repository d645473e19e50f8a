"""What a model was compiled with is read where fine-tuning wants it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from model_export.tf.load import load_source
from model_export.tf.source import KerasSource
from tests.support.models import keras_models
from tests.support.models.saved_models import QUIET, complaint, save

layers = keras.layers

X = keras_models.flowers(300, 5).inputs["features"]

pytestmark = QUIET


def my_loss(y_true: Any, y_pred: Any) -> Any:
    return keras.ops.mean(y_pred - y_true)


class MyMetric(keras.metrics.Metric):  # type: ignore[misc]  # keras has no types
    def update_state(self, *_: Any, **__: Any) -> None: ...

    def result(self) -> Any:
        return 0.0


class MyOptimizer(keras.optimizers.SGD):  # type: ignore[misc]  # keras has no types
    """An optimizer that Keras does not know."""


def trained(**compiled: Any) -> keras.Model:
    """A model that was compiled, and that another one that was compiled is within."""
    inner = keras.Sequential([keras.Input((4,)), layers.Dense(3, name="within")], name="inner")
    model = keras.Sequential([keras.Input((4,)), inner, layers.Dense(1)])
    for each in (inner, model):
        each.compile(**compiled)
    model.fit(X[:2], np.zeros((2, 1)), verbose=0)  # until then Keras has no metrics to write down
    return model


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_what_a_model_was_compiled_with_is_not_demanded_unless_it_is_wanted(
    tmp_path: Path, suffix: str
) -> None:
    model = trained(loss=my_loss, metrics=[MyMetric()], optimizer=MyOptimizer())
    source = load_source(save(model, tmp_path / f"model{suffix}"), compiled=False)
    assert isinstance(source, KerasSource)
    assert not source.model.compiled
    answers = source.predict({source.inputs[0].name: X})[source.outputs[0].name]
    np.testing.assert_allclose(answers, keras_models.answers(model, X), atol=1e-6)


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_an_unknown_loss_is_named_with_what_to_do_where_it_is_wanted(
    tmp_path: Path, suffix: str
) -> None:
    path = save(trained(loss=my_loss), tmp_path / f"model{suffix}")
    told = complaint(path)
    assert "fine-tuning needs the loss that the model was compiled with" in told
    assert "'my_loss'" in told
    assert "model.custom_objects" in told
    source = load_source(path, custom_objects={"my_loss": my_loss})
    assert isinstance(source, KerasSource)
    assert source.model.loss is my_loss


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_an_unknown_metric_or_optimizer_does_not_matter(tmp_path: Path, suffix: str) -> None:
    model = trained(loss="mse", metrics=[MyMetric()], optimizer=MyOptimizer(0.25))
    path = save(model, tmp_path / f"model{suffix}")
    told: list[str] = []
    source = load_source(path, log=told.append)
    assert isinstance(source, KerasSource)
    assert isinstance(source.model.optimizer, keras.optimizers.Adam)
    assert "MyOptimizer" in "".join(told)
    known = load_source(path, custom_objects={"MyOptimizer": MyOptimizer})
    assert isinstance(known, KerasSource)
    assert isinstance(known.model.optimizer, MyOptimizer)
    assert float(known.model.optimizer.learning_rate) == 0.25


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_each_output_keeps_its_own_loss_and_weight(tmp_path: Path, suffix: str) -> None:
    x = keras.Input((4,))
    model = keras.Model(x, {name: layers.Dense(1, name=name)(x) for name in ("a", "b")})
    losses = {"a": keras.losses.Huber(reduction="sum"), "b": "mae"}
    model.compile(loss=losses, loss_weights={"a": 1.0, "b": 3.0})
    source = load_source(save(model, tmp_path / f"model{suffix}"))
    assert isinstance(source, KerasSource)
    found = source.model.loss
    assert found["a"].get_config()["reduction"] == "sum"
    assert getattr(found["b"], "fn", found["b"]) is keras.losses.get("mae")
    assert source.model.get_compile_config()["loss_weights"] == {"a": 1.0, "b": 3.0}


def test_a_lambda_that_a_model_was_compiled_with_is_no_part_of_it(tmp_path: Path) -> None:
    path = save(trained(loss=lambda y, p: keras.ops.mean(p - y)), tmp_path / "model.keras")
    load_source(path, compiled=False)
    assert "fine-tuning needs the loss" in complaint(path)
    trusted = load_source(path, unsafe_load=True)
    assert isinstance(trusted, KerasSource)
    assert callable(trusted.model.loss)


@pytest.mark.parametrize("loss", ["bce", "kld", "mae", "mape", "mse", "msle"])
def test_a_loss_of_an_hdf5_file_is_known_by_its_short_name(tmp_path: Path, loss: str) -> None:
    model = keras.Sequential([keras.Input((4,)), layers.Dense(3)])
    model.compile(loss=loss, metrics=["mae"])
    model.fit(X[:2], np.zeros((2, 3)), verbose=0)  # until then Keras has no metrics to write down
    source = load_source(save(model, tmp_path / "model.h5"))
    assert isinstance(source, KerasSource)
    found = source.model.loss
    assert getattr(found, "fn", found) is keras.losses.get(loss)
