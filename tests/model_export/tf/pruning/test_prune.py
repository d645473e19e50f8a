"""Pruning: exactly so many zeros, which stay zeros through training and quantization."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from model_export.dataset.splits import Split
from model_export.errors import UsageError
from model_export.flatbuffer.fold_batch_size import fold_batch_shapes
from model_export.flatbuffer.inspect import inspect
from model_export.quantization.quantize import calibrate, quantize
from model_export.recipe.prune import PruneSection
from model_export.tf.convert import convert_float32
from model_export.tf.load import load_source
from model_export.tf.pruning.prune import prune
from model_export.tf.source import KerasSource
from tests.support.models import keras_models
from tests.support.models.litert import parse
from tests.support.models.pruning import Accuracy, Scripted, network, recipe, sparsity
from tflite_serving.contract.evidence import PrunedLayer, Pruning

layers = keras.layers

FLOWERS, FEW_FLOWERS = keras_models.flowers(96, 1), keras_models.flowers(30, 2)

TUNED = ("first", "second")


def run(model: keras.Model, section: PruneSection, train: Split = FLOWERS) -> Pruning:
    return prune(model, section, train, FEW_FLOWERS, Accuracy())


@pytest.fixture
def conv(saved: Callable[[str], Any]) -> keras.Model:
    """A copy, because pruning changes it."""
    source = load_source(saved("conv").path)
    assert isinstance(source, KerasSource)
    return source.model


class Watch(keras.callbacks.Callback):  # type: ignore[misc]  # keras has no types
    """Looks at the weights whenever training or validation is about to use them."""

    def __init__(self, names: tuple[str, ...]) -> None:
        super().__init__()
        self.names = names
        self.seen: list[float] = []

    def look(self) -> None:
        self.seen.append(min(sparsity(self.model.get_layer(name)) for name in self.names))

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        self.look()

    def on_test_batch_begin(self, batch: int, logs: Any = None) -> None:
        self.look()

    def on_train_end(self, logs: Any = None) -> None:
        self.look()


@pytest.fixture
def watch(monkeypatch: pytest.MonkeyPatch) -> Watch:
    """Is there at every training of a model, after the callbacks of its own."""
    watcher = Watch(TUNED)
    fit = keras.Model.fit

    def watched(model: Any, *args: Any, callbacks: Any = (), **options: Any) -> Any:
        return fit(model, *args, callbacks=[*callbacks, watcher], **options)

    monkeypatch.setattr(keras.Model, "fit", watched)
    return watcher


@pytest.mark.parametrize("schedule", ["constant", "polynomial"])
@pytest.mark.parametrize(("epochs", "wanted"), [(0, 0.5), (1, 0.3), (3, 0.8)])
def test_each_layer_has_exactly_the_zeros_that_were_asked_for(
    schedule: str, epochs: int, wanted: float
) -> None:
    model = network()
    run(model, recipe(schedule=schedule, epochs=epochs, sparsity=wanted))
    assert [sparsity(model.get_layer(name)) for name in ("first", "second")] == [wanted, wanted]
    assert sparsity(model.get_layer("last")) == 0


OPTIMIZERS: dict[str, Callable[[], Any]] = {
    "adam": lambda: keras.optimizers.Adam(0.01),
    "momentum": lambda: keras.optimizers.SGD(0.05, momentum=0.9, nesterov=True),
    "weight decay": lambda: keras.optimizers.AdamW(0.01, weight_decay=0.1),
    "averages": lambda: keras.optimizers.Adam(0.01, use_ema=True, ema_overwrite_frequency=None),
    "scaled losses": lambda: keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(0.01)),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_zeros_stay_zeros_at_every_step_whatever_the_optimizer(name: str, watch: Watch) -> None:
    model = network(optimizer=OPTIMIZERS[name](), run_eagerly=False)
    run(model, recipe(epochs=2, sparsity=0.5))
    assert len(watch.seen) == 2 * 3 + 1
    assert set(watch.seen) == {0.5}
    assert sparsity(model.get_layer("first")) == sparsity(model.get_layer("second")) == 0.5


def test_the_other_weights_learn_meanwhile() -> None:
    model = network()
    before = np.asarray(model.get_layer("last").kernel)
    run(model, recipe())
    assert not np.array_equal(before, np.asarray(model.get_layer("last").kernel))


def test_the_polynomial_schedule_rises_and_stays_at_its_end(watch: Watch) -> None:
    model = network()
    run(model, recipe(schedule="polynomial", epochs=4, sparsity=0.8))
    steps = watch.seen
    assert steps[0] == 0
    assert steps == sorted(steps)
    assert 0 < steps[2] < 0.8
    assert set(steps[-4:]) == {0.8}


@pytest.mark.parametrize("schedule", ["constant", "polynomial"])
def test_a_model_that_was_compiled_to_run_several_steps_at_once_is_pruned_all_the_same(
    schedule: str, watch: Watch
) -> None:
    model = network(steps_per_execution=50, run_eagerly=False)
    run(model, recipe(schedule=schedule, epochs=2))
    assert len(watch.seen) > 2 * 3
    assert watch.seen[-1] == 0.5


def test_biases_normalisation_depthwise_kernels_and_the_last_layer_are_left_alone(
    conv: keras.Model,
) -> None:
    before = {name: conv.get_layer(name).get_weights() for name in ("norm", "depth", "shape")}
    biases = conv.get_layer("hidden").bias.numpy()
    bars = keras_models.bars(9, 1), keras_models.bars(9, 2)
    done = prune(conv, recipe(epochs=0), *bars, Accuracy())
    assert [layer.name for layer in done.layers] == ["edges", "hidden"]
    for name, weights in before.items():
        for old, new in zip(weights, conv.get_layer(name).get_weights(), strict=True):
            np.testing.assert_array_equal(old, new)
    np.testing.assert_array_equal(conv.get_layer("hidden").bias.numpy(), biases)


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"include": ("frist",)}, "recipe.prune.include: 'frist' matches no layer"),
        ({"include": ("first",), "exclude": ("f*",)}, "recipe.prune.include ['first'] and exclude"),
        ({"optimizer": "adm"}, "recipe.prune.optimizer: Keras has no 'adm'; nearest: adam"),
    ],
)
def test_what_the_recipe_names_must_be_there(keys: dict[str, Any], message: str) -> None:
    model = network()
    before = model.get_weights()
    with pytest.raises(UsageError, match=re.escape(message)):
        run(model, recipe(**keys))
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_layers_of_models_within_the_model_are_pruned() -> None:
    body = keras.Sequential(
        [keras.Input((4,)), layers.Dense(10, name="deep"), layers.Dense(10, name="deeper")],
        name="body",
    )
    model = keras.Sequential(
        [keras.Input((4,), name="features"), body, layers.Dense(3, activation="softmax")]
    )
    done = run(model, recipe())
    assert done.layers == (PrunedLayer("body/deep", 0.5), PrunedLayer("body/deeper", 0.5))
    assert [sparsity(body.get_layer(name)) for name in ("deep", "deeper")] == [0.5, 0.5]


@pytest.mark.parametrize(
    "loss",
    [
        "categorical_crossentropy",
        keras.losses.CategoricalCrossentropy(),
        keras.losses.categorical_crossentropy,
        "mean_squared_error",
        ["categorical_crossentropy"],
        {"last": "categorical_crossentropy"},
        "sparse_categorical_crossentropy",
        keras.losses.SparseCategoricalCrossentropy(),
    ],
    ids=[
        "one-hot name",
        "one-hot object",
        "one-hot function",
        "of values",
        "list",
        "dict",
        "indices name",
        "indices object",
    ],
)
def test_a_model_is_tuned_with_the_loss_that_it_was_compiled_with(
    tmp_path: Path, loss: Any
) -> None:
    network(loss, optimizer=keras.optimizers.Adam(0.02)).save(tmp_path / "model.keras")
    model = keras.saving.load_model(tmp_path / "model.keras")
    # Few examples, which lack the last class: rows must be as wide as the model's output.
    two = FLOWERS.rows(np.flatnonzero(FLOWERS.targets < 2))
    run(model, recipe(epochs=3), two)
    answers = keras_models.answers(model, two.inputs["features"])
    assert np.mean(answers.argmax(axis=1) == two.targets) > 0.8
    assert sparsity(model.get_layer("first")) == 0.5


def test_a_model_that_was_not_saved_since_it_was_compiled_is_tuned_too() -> None:
    model = network("categorical_crossentropy")
    run(model, recipe())
    assert sparsity(model.get_layer("first")) == 0.5


def test_a_loss_of_the_users_own_is_given_class_indices() -> None:
    seen = []

    def my_loss(y_true: Any, y_pred: Any) -> Any:
        seen.append(tuple(y_true.shape))
        return keras.losses.sparse_categorical_crossentropy(y_true, y_pred)

    run(network(my_loss), recipe())
    assert all(shape[1:] in ((), (1,)) for shape in seen)


@pytest.mark.parametrize("name", ["binary", "logits"])
@pytest.mark.parametrize("compiled", [True, False])
def test_models_of_one_score_and_of_logits_learn_with_their_zeros(
    saved: Callable[[str], Any], name: str, *, compiled: bool
) -> None:
    model = keras.saving.load_model(saved(name).path, compile=compiled)
    train, test = keras_models.flowers(240, 1), keras_models.flowers(90, 2)
    if name == "binary":
        train, test = (part.rows(np.flatnonzero(part.targets < 2)) for part in (train, test))
    prune(model, recipe(epochs=3), train, test, Accuracy())
    scores = keras_models.answers(model, test.inputs["features"])
    found = scores[:, 0] > 0.5 if name == "binary" else scores.argmax(axis=1)
    assert np.mean(found == test.targets) > 0.9
    assert sparsity(model.get_layer("hidden")) == 0.5


@pytest.mark.parametrize("as_dict", [False, True])
def test_a_model_with_several_inputs_is_tuned_with_each_in_its_place(*, as_dict: bool) -> None:
    model = keras_models.two_inputs(as_dict=as_dict)
    prune(model, recipe(), keras_models.pairs(30, 1), keras_models.pairs(9, 2), Accuracy())
    assert sparsity(model.get_layer("hidden")) == 0.5


def test_each_epoch_is_told_with_its_metric_and_its_zeros() -> None:
    told: list[str] = []
    metric = Scripted([0.9888, 0.5, 0.98316])
    section = recipe(epochs=2, schedule="polynomial", sparsity=0.75)
    prune(network(), section, FLOWERS, FEW_FLOWERS, metric, told.append)
    assert told == [
        "epoch 1/2: scripted 0.5000 on the validation split (0.9888 before pruning), 74 % zeros",
        "epoch 2/2: scripted 0.9832 on the validation split (0.9888 before pruning), 75 % zeros",
    ]


def test_what_was_done_is_described() -> None:
    done = run(network(), recipe(schedule="polynomial", scope="global", sparsity=0.6, epochs=2))
    first, second = done.layers
    assert (first.name, second.name) == TUNED
    assert first.sparsity * 40 + second.sparsity * 100 == pytest.approx(0.6 * 140)
    assert done == Pruning(
        method="magnitude",
        sparsity=0.6,
        scope="global",
        block=(1, 1),
        schedule="polynomial",
        epochs=2,
        distilled=False,
        layers=done.layers,
    )


def test_pruning_gives_the_same_weights_each_time() -> None:
    weights = []
    for _ in range(2):
        model = network()
        run(model, recipe(epochs=2))
        weights.append(np.asarray(model.get_layer("second").kernel))
    np.testing.assert_array_equal(weights[0], weights[1])


@pytest.mark.parametrize("variant", ["float32", "static_int8"])
def test_pruned_zeros_are_zeros_in_the_flatbuffer(conv: keras.Model, variant: Any) -> None:
    train = keras_models.bars(60, 1)
    prune(conv, recipe(sparsity=0.75, include=("hidden",)), train, train, Accuracy())
    float32 = fold_batch_shapes(convert_float32(KerasSource(conv, "conv")))
    made = quantize(float32, variant, calibrate(float32, train))
    model = parse(made)
    kernel = np.asarray(conv.get_layer("hidden").kernel).T
    found = [
        np.asarray(model.buffers[tensor.buffer].data, np.uint8).view(
            np.float32 if variant == "float32" else np.int8
        )
        for tensor in model.subgraphs[0].tensors
        if list(tensor.shape) == list(kernel.shape)
        and model.buffers[tensor.buffer].data is not None
    ]
    assert len(found) == 1
    assert (found[0].reshape(kernel.shape)[kernel == 0] == 0).all()
    assert np.mean(found[0] == 0) == pytest.approx(0.75, abs=0.03)
    assert 0.4 < inspect(made).sparsity < 0.75


def test_the_same_file_is_pruned_to_the_same_weights_each_time(tmp_path: Path) -> None:
    model = keras.Sequential(
        [
            keras.Input((4,), name="features"),
            layers.Dense(10, activation="relu", name="first"),
            layers.Dropout(0.5, name="noise"),
            layers.Dense(3, activation="softmax", name="last"),
        ]
    )
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy")
    model.save(tmp_path / "model.keras")

    def kernels() -> list[Any]:
        source = load_source(tmp_path / "model.keras")
        assert isinstance(source, KerasSource)
        run(source.model, recipe())
        return [np.asarray(variable) for variable in source.model.weights]

    for first, second in zip(kernels(), kernels(), strict=True):
        assert np.array_equal(first, second)
