"""Fine-tuning: what it learns from, when it stops, which weights stay, and that it repeats."""

from __future__ import annotations

import io
from collections.abc import Callable
from functools import cache
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import pytest
from tensorflow.python.framework import config

from model_export.dataset.splits import Split
from model_export.errors import UsageError
from model_export.recipe.prune import DistillSection
from model_export.tf.pruning.prune import prune
from tests.support.models import keras_models
from tests.support.models.pruning import (
    Accuracy,
    Error,
    Memory,
    Scripted,
    network,
    recipe,
    sparsity,
)

layers = keras.layers

TRAIN, FEW = keras_models.flowers(96, 1), keras_models.flowers(30, 2)


def values(model: keras.Model) -> list[Any]:
    return [np.array(variable) for variable in model.variables]


def assert_same(found: list[Any], wanted: list[Any]) -> None:
    for one, other in zip(found, wanted, strict=True):
        np.testing.assert_array_equal(one, other)


def noisy(optimizer: Any = "adam") -> keras.Model:
    """A model with random numbers and averages of its own."""
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((6, 6, 1), name="pixels"),
            layers.GaussianNoise(0.1),
            layers.Conv2D(4, 3, activation="relu", name="edges"),
            layers.BatchNormalization(name="norm"),
            layers.Flatten(),
            layers.Dense(8, activation="relu", name="hidden"),
            layers.Dropout(0.3, name="drop"),
            layers.Dense(3, activation="softmax", name="last"),
        ]
    )
    model.compile(optimizer, "sparse_categorical_crossentropy", jit_compile=False)
    return model


BARS, FEW_BARS = keras_models.bars(60, 1), keras_models.bars(30, 2)

THREE = recipe(epochs=3, schedule="polynomial", learning_rate=0.01, batch_size=16)


class Stop(KeyboardInterrupt):
    """Interrupts a training."""


class Interrupted(Memory):
    """A checkpoint of a process that ends after its first epoch."""

    def save(self, data: bytes) -> None:
        super().save(data)
        raise Stop


def test_the_same_training_gives_the_same_weights_to_the_last_bit() -> None:
    made = []
    for _ in range(2):
        model = noisy()
        np.random.default_rng().normal()
        prune(model, THREE, BARS, FEW_BARS, Accuracy())
        made.append(values(model))
    assert_same(*made)


@pytest.mark.parametrize(
    "optimizer",
    [
        lambda: keras.optimizers.Adam(0.01),
        lambda: keras.optimizers.SGD(0.01, momentum=0.9, use_ema=True),
        lambda: keras.optimizers.LossScaleOptimizer(keras.optimizers.Adam(0.01)),
    ],
    ids=["adam", "averages", "scaled losses"],
)
def test_an_interrupted_training_goes_on_to_the_same_weights(optimizer: Callable[[], Any]) -> None:
    metric = [0.9, 0.8, 0.5, 0.8]  # The first epoch is as good as the last, but for the loss.
    straight, told, memory = noisy(optimizer()), list[str](), Memory()
    done = prune(straight, THREE, BARS, FEW_BARS, Scripted([*metric]), told.append, memory)

    interrupted = Interrupted()
    with pytest.raises(Stop):
        prune(
            noisy(optimizer()), THREE, BARS, FEW_BARS, Scripted([*metric]), checkpoint=interrupted
        )
    for epochs in (1, 2, 3):
        resumed, told_later = noisy(optimizer()), list[str]()
        rest = Scripted([metric[0], *metric[1 + epochs :]])
        # What an interruption leaves is what was kept until then.
        again = interrupted if epochs == 1 else Memory(memory.saved[:epochs])
        result = prune(resumed, THREE, BARS, FEW_BARS, rest, told_later.append, Memory(again.saved))
        assert_same(values(resumed), values(straight))
        assert result == done
        assert told_later == told[epochs:]


def test_a_training_that_stopped_early_is_over_when_it_is_resumed() -> None:
    memory = Memory()
    section = recipe(epochs=5, stop_early=True)
    models = network(), network()
    for model in models:
        metric = Scripted([0.9, 0.9])
        assert prune(model, section, TRAIN, FEW, metric, checkpoint=memory).epochs == 1
    assert len(memory.saved) == 1
    assert_same(values(models[0]), values(models[1]))


def test_an_interrupted_training_leaves_nothing_that_holds_the_zeros() -> None:
    model, memory = network(), Interrupted()
    with pytest.raises(Stop):
        prune(model, recipe(), TRAIN, FEW, Accuracy(), checkpoint=memory)
    assert all(variable.constraint is None for variable in model.weights)


def test_other_code_is_left_as_fast_as_it_was() -> None:
    assert not config.is_op_determinism_enabled()
    prune(network(), recipe(), TRAIN, FEW, Accuracy())
    assert not config.is_op_determinism_enabled()


def test_each_epoch_is_trained_in_its_own_order() -> None:
    seen = []

    def look(y_true: Any, y_pred: Any) -> Any:
        if len(y_true) == 96:
            seen.append(tuple(np.asarray(y_true).ravel()))
        return keras.losses.sparse_categorical_crossentropy(y_true, y_pred)

    prune(network(look), recipe(epochs=3, batch_size=96), TRAIN, FEW, Accuracy())
    assert len(set(seen)) == 3


@pytest.mark.parametrize(
    ("metric", "epochs"),
    [
        (Scripted([0.9, 0.8, 0.9]), 2),
        (Scripted([0.9, 0.91]), 1),
        (Scripted([0.9, 0.8, 0.8, 0.8, 0.8]), 4),
        (Scripted([0.5, 0.6, 0.4], lower_is_better=True), 2),
        (Scripted([0.5, float("nan"), float("nan"), 0.5]), 3),
    ],
)
def test_it_stops_when_the_metric_is_back(metric: Scripted, epochs: int) -> None:
    done = prune(network(), recipe(epochs=4, stop_early=True), TRAIN, FEW, metric)
    assert done.epochs == epochs
    assert not metric.values


def test_it_does_not_stop_before_all_zeros_are_there() -> None:
    section = recipe(epochs=4, stop_early=True, schedule="polynomial")
    model = network()
    assert prune(model, section, TRAIN, FEW, Scripted([0.5, 0.9, 0.9, 0.9])).epochs == 3
    assert sparsity(model.get_layer("first")) == 0.5


@pytest.mark.parametrize(
    ("schedule", "numbers", "lower", "best"),
    [
        ("constant", [0.9, 0.7, 0.8, 0.6], False, 2),
        ("constant", [0.9, 1.7, 1.8, 1.6], True, 3),
        # While zeros are still missing, nothing counts.
        ("polynomial", [0.9, 0.8, 0.6, 0.7], False, 3),
        # Equal: the loss decides, which falls from epoch to epoch here.
        ("constant", [0.9, 0.8, 0.8, 0.7], False, 2),
        ("constant", [0.9, float("nan"), 0.1, float("nan")], False, 2),
    ],
)
def test_the_weights_of_the_best_epoch_stay(
    schedule: str, numbers: list[float], best: int, *, lower: bool
) -> None:
    section = recipe(epochs=3, schedule=schedule)
    model, memory = network(), Memory()
    done = prune(model, section, TRAIN, FEW, Scripted([*numbers], lower), checkpoint=memory)
    assert done.epochs == 3
    after = np.load(io.BytesIO(memory.saved[best - 1]))
    assert_same(values(model), [after[f"model/{i}"] for i in range(len(model.variables))])


def ends(name: str) -> keras.Model:
    """Trained on the right answers."""
    model = build(name)
    model.set_weights(trained(name))
    return model


@cache
def trained(name: str) -> list[npt.NDArray[Any]]:
    """Weights that follow the right answers."""
    model = build(name)
    train = without_the_third(TRAIN) if name.startswith("sigmoid") else TRAIN
    y = np.eye(3)[train.targets] if name == "one-hot" else train.targets
    # More steps cost less than more epochs.
    model.fit(train.inputs["features"], y, epochs=5, batch_size=8, verbose=0)
    weights: list[npt.NDArray[Any]] = model.get_weights()
    return weights


def without_the_third(split: Split) -> Split:
    return split.rows(np.flatnonzero(split.targets < 2))


def build(name: str) -> keras.Model:
    keras.utils.set_random_seed(0)
    last, loss = {
        "softmax": (layers.Dense(3, "softmax"), "sparse_categorical_crossentropy"),
        "one-hot": (layers.Dense(3, "softmax"), "categorical_crossentropy"),
        "logits": (layers.Dense(3), keras.losses.SparseCategoricalCrossentropy(from_logits=True)),
        "sigmoid": (layers.Dense(1, "sigmoid"), "binary_crossentropy"),
        "sigmoid logits": (layers.Dense(1), keras.losses.BinaryCrossentropy(from_logits=True)),
    }[name]
    hidden = layers.Dense(12, activation="relu", name="hidden")
    model = keras.Sequential([keras.Input((4,), name="features"), hidden, last])
    model.compile(keras.optimizers.Adam(0.02), loss, jit_compile=False)
    return model


@pytest.mark.parametrize("name", ["softmax", "one-hot", "logits", "sigmoid", "sigmoid logits"])
@pytest.mark.parametrize("weight", [0.9, None])
def test_a_distilled_model_follows_its_teacher_not_the_labels(
    name: str, weight: float | None
) -> None:
    model = ends(name)
    train, few = TRAIN, FEW
    if name.startswith("sigmoid"):
        train, few = map(without_the_third, (TRAIN, FEW))
    wrong = Split(train.inputs, (train.targets + 1) % (2 if name.startswith("sigmoid") else 3))
    distill = None if weight is None else DistillSection(temperature=2.0, weight=weight)
    section = recipe(epochs=6, sparsity=0.3, distill=distill, learning_rate=0.02, batch_size=4)
    metric = Scripted([float(i) for i in range(7)])  # Each epoch is the best.
    done = prune(model, section, wrong, few, metric)
    assert done.distilled is (weight is not None)
    scores = keras_models.answers(model, few.inputs["features"])
    threshold = 0 if name.endswith("logits") else 0.5
    found = scores[:, 0] > threshold if scores.shape[1] == 1 else scores.argmax(axis=1)
    learned = np.mean(found == few.targets)
    assert learned < 0.3 if weight is None else learned > 0.8


def line(**compiled: Any) -> tuple[keras.Model, Split, Split]:
    """A regression of two values."""
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((4,), name="features"),
            layers.Dense(16, activation="relu", name="hidden"),
            layers.Dense(2, name="values"),
        ]
    )
    if compiled:
        model.compile(**compiled)
    mix = np.array([[1, 0], [0, 1], [1, 1], [0, 2]], np.float32)
    splits = [Split(part.inputs, part.inputs["features"] @ mix) for part in (TRAIN, FEW)]
    return model, splits[0], splits[1]


@pytest.mark.parametrize("compiled", [{}, {"loss": "mae", "optimizer": "sgd"}])
def test_a_regression_is_tuned_by_its_values(compiled: dict[str, Any]) -> None:
    model, train, few = line(**compiled)
    told: list[str] = []
    section = recipe(epochs=8, learning_rate=0.03, optimizer="adam")
    prune(model, section, train, few, Error(), told.append)
    errors = [float(text.split("mae ")[1].split()[0]) for text in told]
    assert errors[-1] < 0.5 * errors[0]
    assert sparsity(model.get_layer("hidden")) == 0.5


def test_a_regression_cannot_be_distilled() -> None:
    model, train, few = line()
    with pytest.raises(UsageError, match=r"recipe\.prune\.distill: a regression has no classes"):
        prune(model, recipe(distill=DistillSection()), train, few, Error())


def test_the_model_is_usable_as_it_was_compiled() -> None:
    model = network(metrics=["accuracy"], run_eagerly=False)
    optimizer = model.optimizer
    model.fit(TRAIN.inputs["features"], TRAIN.targets, verbose=0)
    steps = int(optimizer.iterations)
    prune(model, recipe(distill=DistillSection()), TRAIN, FEW, Accuracy())
    assert model.optimizer is optimizer
    assert int(optimizer.iterations) == steps
    history = model.fit(TRAIN.inputs["features"], TRAIN.targets, verbose=0).history
    assert set(history) == {"loss", "accuracy"}
    assert sparsity(model.get_layer("first")) < 0.5
    assert model.evaluate(FEW.inputs["features"], FEW.targets, verbose=0, return_dict=True).keys()
