"""The callback: zeros are exact after every step, in a fit that is not ours."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest

from model_export.errors import UsageError
from model_export.tf.pruning.layers import select
from model_export.tf.pruning.masks import Masks
from model_export.tf.pruning.prune import MagnitudePruning
from tests.support.models import keras_models
from tests.support.models.pruning import network, sparsity

layers = keras.layers
DATA = keras_models.flowers(96, 1)
X, Y = DATA.inputs["features"], DATA.targets
NAMES = ("first", "second")
optimizers = keras.optimizers


class Watch(keras.callbacks.Callback):  # type: ignore[misc]  # keras has no types
    """Looks at the zeros after each execution, behind the callback that makes them."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[list[float]] = []
        self.at_zero: list[Any] = []

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        kernels = [np.asarray(self.model.get_layer(name).kernel) for name in NAMES]
        self.seen.append([float(np.mean(kernel == 0)) for kernel in kernels])
        self.at_zero.append([kernel == 0 for kernel in kernels])


def fit(model: keras.Model, callback: Any, epochs: int = 2, **keys: Any) -> Watch:
    watch = Watch()
    callbacks = [callback, watch]
    model.fit(X, Y, epochs=epochs, batch_size=8, verbose=0, callbacks=callbacks, **keys)
    return watch


OPTIMIZERS: dict[str, Callable[[], Any]] = {
    "momentum": lambda: optimizers.SGD(0.05, momentum=0.9, nesterov=True),
    "adam": lambda: optimizers.Adam(0.01),
    "weight decay": lambda: optimizers.AdamW(0.01, weight_decay=0.1),
    "lion": lambda: optimizers.Lion(0.01),
    "averages": lambda: optimizers.Adam(0.01, use_ema=True),
    "averages at times": lambda: optimizers.Adam(0.01, use_ema=True, ema_overwrite_frequency=3),
    "scaled losses": lambda: optimizers.LossScaleOptimizer(optimizers.Adam(0.01)),
    "accumulated": lambda: optimizers.Adam(0.01, gradient_accumulation_steps=3),
}


@pytest.mark.parametrize(
    ("name", "steps_per_execution"),
    [
        *((name, 1) for name in OPTIMIZERS),
        # Those that count steps themselves.
        *((name, 4) for name in ("averages at times", "scaled losses", "accumulated")),
    ],
)
def test_zeros_are_exact_after_every_step_whatever_the_optimizer(
    name: str, steps_per_execution: int
) -> None:
    model = network(
        optimizer=OPTIMIZERS[name](), run_eagerly=False, steps_per_execution=steps_per_execution
    )
    # Trained before, so that a step is traced and momentum is there that would move the zeros.
    model.fit(X, Y, batch_size=8, verbose=0)
    watch = fit(model, MagnitudePruning(0.5))
    assert len(watch.seen) == 24 // steps_per_execution
    assert watch.seen == [[0.5, 0.5]] * len(watch.seen)
    assert [sparsity(model.get_layer(name)) for name in NAMES] == [0.5, 0.5]
    assert sparsity(model.get_layer("last")) == 0


@pytest.mark.parametrize(
    ("name", "steps_per_execution"),
    [("momentum", 1), ("averages", 4), ("scaled losses", 1), ("accumulated", 4)],
)
def test_the_polynomial_schedule_rises_to_exactly_its_end_and_stays_there(
    name: str, steps_per_execution: int
) -> None:
    model = network(
        optimizer=OPTIMIZERS[name](), run_eagerly=False, steps_per_execution=steps_per_execution
    )
    watch = fit(model, MagnitudePruning(0.8, schedule="polynomial"), epochs=3)
    firsts = [first for first, _ in watch.seen]
    assert firsts == sorted(firsts)
    assert any(0 < first < 0.8 for first in firsts)
    assert set(firsts[-9 // steps_per_execution :]) == {0.8}
    # Not only as many: the same ones.
    for earlier, later in zip(watch.at_zero, watch.at_zero[1:], strict=False):
        assert all((after >= before).all() for before, after in zip(earlier, later, strict=True))


def test_the_polynomial_schedule_is_that_of_the_paper() -> None:
    model = keras.Sequential([keras.Input((100,)), layers.Dense(100), layers.Dense(2)])
    masks = Masks(select(model, ("*",), ()), 0.9, schedule="polynomial", scope="layer", steps=40)
    for step in range(31):
        masks.follow(step)
        assert masks.sparsity == pytest.approx(0.9 * (1 - (1 - step / 30) ** 3), abs=1e-4)
    assert masks.finished


def test_a_long_schedule_is_cut_into_a_hundred_steps_at_most() -> None:
    model = keras.Sequential([keras.Input((100,)), layers.Dense(100), layers.Dense(2)])
    masks = Masks(select(model, ("*",), ()), 0.9, schedule="polynomial", scope="layer", steps=1000)
    seen, finished = [], []
    for step in range(1000):
        masks.follow(step)
        seen.append(masks.sparsity)
        finished.append(masks.finished)
    assert 80 < len(set(seen)) <= 108
    assert finished.index(True) == 750
    assert set(seen[750:]) == {0.9}


def test_zeros_hold_within_a_step_that_xla_compiles() -> None:
    model = network(run_eagerly=False, jit_compile=True)
    assert set(map(tuple, fit(model, MagnitudePruning(0.5), epochs=1).seen)) == {(0.5, 0.5)}


def test_zeros_hold_within_an_execution_too() -> None:
    seen = []

    def look(y_true: Any, y_pred: Any) -> Any:
        seen.append(sparsity(model.get_layer("first")))
        return keras.losses.sparse_categorical_crossentropy(y_true, y_pred)

    model = network(look, optimizer=optimizers.SGD(0.1, momentum=0.9))
    fit(model, MagnitudePruning(0.5))
    assert len(seen) == 24
    assert set(seen) == {0.5}


def test_a_constraint_of_the_models_own_holds_too_and_is_alone_afterwards() -> None:
    model = network()
    kernel = model.get_layer("first").kernel
    kernel.constraint = own = keras.constraints.MaxNorm(0.5)
    fit(model, MagnitudePruning(0.5))
    assert np.linalg.norm(np.asarray(kernel), axis=0).max() <= 0.5 + 1e-6
    assert sparsity(model.get_layer("first")) == 0.5
    assert kernel.constraint is own
    assert model.get_layer("second").kernel.constraint is None


def test_the_zeros_learn_again_without_the_callback() -> None:
    model = network(run_eagerly=False)
    fit(model, MagnitudePruning(0.5))
    model.fit(X, Y, verbose=0)
    assert sparsity(model.get_layer("first")) < 0.5


def test_fitted_again_it_goes_on_where_it_was() -> None:
    model, callback = network(), MagnitudePruning(0.8, schedule="polynomial", steps=48)
    early, late = (fit(model, callback) for _ in range(2))
    assert early.seen[-1][0] < 0.8
    assert early.seen[-1] <= late.seen[0]
    assert late.seen[-1] == [0.8, 0.8]


def test_weights_that_another_callback_restores_get_their_zeros_too() -> None:
    model = network()
    best = keras.callbacks.EarlyStopping("accuracy", mode="max", restore_best_weights=True)
    best.on_epoch_end = lambda epoch, logs: keras.callbacks.EarlyStopping.on_epoch_end(
        best, epoch, {"accuracy": -epoch}
    )
    callbacks = [best, MagnitudePruning(0.8, schedule="polynomial")]
    model.fit(X, Y, epochs=3, batch_size=8, verbose=0, callbacks=callbacks)
    assert best.best_epoch == 0
    assert [sparsity(model.get_layer(name)) for name in NAMES] == [0.8, 0.8]


def test_globs_and_scope_are_used() -> None:
    model = network()
    fit(model, MagnitudePruning(0.5, include=("*", "last"), exclude=("second",), scope="global"))
    first, last = model.get_layer("first"), model.get_layer("last")
    assert sparsity(model.get_layer("second")) == 0
    assert sparsity(first) * 40 + sparsity(last) * 30 == pytest.approx(35)


def scaled(factor: float) -> keras.Model:
    model = network()
    second = model.get_layer("second").kernel
    second.assign(second * factor)
    return model


def test_globally_the_smallest_weights_of_all_layers_go_first() -> None:
    model = scaled(2.0)
    kernels = [np.asarray(model.get_layer(name).kernel) for name in NAMES]
    smallest = np.sort(np.abs(np.concatenate([kernel.ravel() for kernel in kernels])))[:70]
    masks = Masks(select(model, ("*",), ()), 0.5, schedule="constant", scope="global", steps=0)
    masks.follow(0)
    assert masks.sparsity == 0.5
    for name, before in zip(NAMES, kernels, strict=True):
        after = np.asarray(model.get_layer(name).kernel)
        np.testing.assert_array_equal(after == 0, np.abs(before) <= smallest[-1])


def test_globally_no_layer_loses_all_its_weights() -> None:
    model = scaled(1e-6)
    masks = Masks(select(model, ("*",), ()), 0.9, schedule="constant", scope="global", steps=0)
    masks.follow(0)
    assert sparsity(model.get_layer("second")) == 0.99
    assert masks.sparsity == pytest.approx(0.9)


def test_a_model_that_is_not_built_is_refused() -> None:
    model = keras.Sequential([layers.Dense(4), layers.Dense(3)])
    model.compile("sgd", "sparse_categorical_crossentropy")
    with pytest.raises(UsageError, match=r"begin with keras\.Input"):
        fit(model, MagnitudePruning(0.5))


def test_a_schedule_needs_to_know_its_steps() -> None:
    def endless() -> Any:
        while True:
            yield X[:8], Y[:8]

    model = network()
    with pytest.raises(UsageError, match="give steps"):
        model.fit(
            endless(),
            callbacks=[MagnitudePruning(0.5, schedule="polynomial")],
            shuffle=False,
            verbose=0,
        )


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"sparsity": 1.0}, "sparsity: expected between 0 and 1, got 1.0"),
        ({"sparsity": 0.5, "schedule": "cubic"}, "schedule: expected constant or polynomial"),
        ({"sparsity": 0.5, "scope": "model"}, "scope: expected layer or global, got model"),
        ({"sparsity": 0.5, "steps": 0}, "steps: expected 1 or more, got 0"),
    ],
)
def test_values_that_make_no_sense_are_refused(keys: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        MagnitudePruning(**keys)
