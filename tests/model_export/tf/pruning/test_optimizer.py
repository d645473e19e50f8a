"""The optimizer of fine-tuning."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import pytest

from model_export.tf.pruning.prune import prune
from tests.support.models import keras_models
from tests.support.models.pruning import (
    Accuracy,
    network,
    recipe,
)

TRAIN, FEW = keras_models.flowers(96, 1), keras_models.flowers(30, 2)


@pytest.fixture
def used(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The optimizers that models are trained with."""
    seen: list[Any] = []
    fit = keras.Model.fit

    def watched(model: Any, *args: Any, **options: Any) -> Any:
        seen.append(model.optimizer)
        return fit(model, *args, **options)

    monkeypatch.setattr(keras.Model, "fit", watched)
    return seen


@pytest.mark.parametrize(
    ("own", "keys", "wanted", "rate"),
    [
        (lambda: keras.optimizers.SGD(0.5), {}, keras.optimizers.SGD, 0.5),
        (lambda: keras.optimizers.SGD(0.5), {"learning_rate": 0.25}, keras.optimizers.SGD, 0.25),
        (lambda: keras.optimizers.SGD(0.5), {"optimizer": "AdamW"}, keras.optimizers.AdamW, 0.001),
        (lambda: None, {}, keras.optimizers.Adam, 0.001),
        (
            lambda: keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(0.5, 10)),
            {"learning_rate": 0.25, "optimizer": "lion"},
            keras.optimizers.Lion,
            0.25,
        ),
        (
            lambda: keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(0.5, 10)),
            {"learning_rate": 0.25},
            keras.optimizers.Adam,
            0.25,
        ),
    ],
)
def test_the_optimizer_is_the_recipes_or_else_like_the_models_own(
    used: list[Any], own: Callable[[], Any], keys: dict[str, Any], wanted: Any, rate: float
) -> None:
    optimizer = own()
    model = network(optimizer=optimizer) if optimizer else keras.models.clone_model(network())
    prune(model, recipe(**keys), TRAIN, FEW, Accuracy())
    (found,) = used
    assert type(found) is wanted
    assert float(found.learning_rate) == pytest.approx(rate)
    assert found is not optimizer
