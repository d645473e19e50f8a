"""Fine-tuning of several outputs, and of labels: with their own losses, by the worst of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import pytest

from model_export.dataset.splits import Split
from model_export.errors import ConversionError, UsageError
from model_export.recipe.prune import DistillSection
from model_export.tf.pruning.loss import OwnLoss, loss_weights
from model_export.tf.pruning.prune import Goal, prune
from model_export.tf.pruning.validation import Judged, Validation, make_heads
from model_export.tf.source import KerasSource
from tests.support.models.pruning import Accuracy, Error, recipe, sparsity

layers = keras.layers


def examples(count: int, seed: int) -> Split:
    """Rows; which of three numbers is the largest, what they add up to, and which are positive."""
    x = np.random.default_rng(seed).normal(0, 1, (count, 3)).astype(np.float32)
    others = {"total": x.sum(axis=1, keepdims=True), "signs": x > 0}
    return Split({"x": x}, x.argmax(axis=1).astype(np.int64), others)


TRAIN, FEW = examples(96, 1), examples(40, 2)
LOSSES = {
    "largest": "sparse_categorical_crossentropy",
    "total": "mse",
    "signs": "binary_crossentropy",
}


@dataclass
class Hits:
    """The fraction of labels that are told right."""

    name: str = "hits"
    lower_is_better: bool = False

    def compute(self, scores: npt.NDArray[Any], targets: npt.NDArray[Any]) -> float:
        """See `Metric`."""
        return float(((scores >= 0.5) == targets).mean())


GOALS = (
    Goal(Accuracy(), max_drop=0.1, name="largest accuracy"),
    Goal(Error(), max_drop=0.5),
    Goal(Hits(), max_drop=0.2),
)


def network(losses: Any = LOSSES, **compiled: Any) -> keras.Model:
    keras.utils.set_random_seed(0)
    x = keras.Input((3,), name="x")
    hidden = layers.Dense(16, activation="relu", name="hidden")(x)
    outputs = [
        layers.Dense(3, activation="softmax", name="largest")(hidden),
        layers.Dense(1, name="total")(hidden),
        layers.Dense(3, activation="sigmoid", name="signs")(hidden),
    ]
    model = keras.Model(x, outputs)
    quick = {"run_eagerly": True, "jit_compile": False}
    model.compile(keras.optimizers.Adam(0.03), losses, **quick, **compiled)
    return model


def test_every_output_learns_what_it_is_for() -> None:
    told: list[str] = []
    model = network()
    before = Validation(FEW, make_heads(model, TRAIN, GOALS), (1, 1, 1)).judge(as_named(model))
    prune(model, recipe(epochs=6, batch_size=16), TRAIN, FEW, GOALS, told.append)
    after = Validation(FEW, make_heads(model, TRAIN, GOALS), (1, 1, 1)).judge(as_named(model))
    assert sparsity(model.get_layer("hidden")) == 0.5
    assert after.values[0] > before.values[0]
    assert after.values[1] < before.values[1]
    assert after.values[2] > before.values[2]
    assert told[0].startswith("epoch 1/6: largest accuracy 0.")
    assert ", hits 0." in told[0]


def as_named(model: keras.Model) -> keras.Model:
    return keras.Model({each.name: each for each in model.inputs}, list(model.outputs))


@pytest.mark.parametrize(
    "losses", [LOSSES, list(LOSSES.values()), tuple(LOSSES.values()), None, "mse"]
)
def test_losses_are_those_that_each_output_was_compiled_with(losses: Any) -> None:
    model = network(losses)
    names = []
    for index, task in enumerate(("classification", "regression", "multi_label")):
        function = OwnLoss(model, index, task).function  # type: ignore[arg-type]  # they are tasks
        names.append(getattr(getattr(function, "fn", function), "__name__", ""))
    own = ["sparse_categorical_crossentropy", "mean_squared_error", "binary_crossentropy"]
    assert names == (["mean_squared_error"] * 3 if losses == "mse" else own)


def test_losses_count_as_the_model_was_compiled() -> None:
    assert loss_weights(network()) == [1.0, 1.0, 1.0]
    by_name = {"total": 0.25, "signs": 2.0, "largest": 1.0}
    assert loss_weights(network(loss_weights=by_name)) == [1.0, 0.25, 2.0]
    assert loss_weights(network(list(LOSSES.values()), loss_weights=[3, 2, 1])) == [3.0, 2.0, 1.0]


def test_the_output_that_lost_the_largest_part_of_its_budget_decides() -> None:
    judge = Validation(FEW, make_heads(network(), TRAIN, GOALS), (1, 1, 1))
    before = Judged((0.9, 1.0, 0.8), 1.0)
    assert judge.rank(before, before) == (0.0, 1.0)
    worst, _ = judge.rank(Judged((0.85, 1.1, 0.9), 1.0), before)
    assert worst == pytest.approx(0.5)  # of accuracy's 0.1
    worst, _ = judge.rank(Judged((0.9, 1.4, 0.8), 1.0), before)
    assert worst == pytest.approx(0.8)  # of the error's 0.5
    assert judge.rank(Judged((0.9, float("nan"), 0.8), 1.0), before)[0] == float("inf")


def test_what_cannot_be_distilled_is_refused() -> None:
    section = recipe(distill=DistillSection())
    with pytest.raises(UsageError, match="several outputs cannot be learnt"):
        prune(network(), section, TRAIN, FEW, GOALS)
    labels = Split(TRAIN.inputs, TRAIN.others["signs"])
    with pytest.raises(UsageError, match="labels that do not exclude one another"):
        prune(network(), section, labels, labels, Hits())


def test_a_dict_of_outputs_names_them_itself() -> None:
    model = network()
    named = keras.Model(model.inputs[0], dict(zip(("c", "b", "a"), model.outputs, strict=True)))
    source = KerasSource(named, "named")
    assert [info.name for info in source.outputs] == ["a", "b", "c"]
    assert source.endings == ("sigmoid", "linear", "softmax")
    found = source.predict({"x": FEW.inputs["x"]})
    wanted = model.predict(FEW.inputs["x"], verbose=0)
    for name, values in zip(("c", "b", "a"), wanted, strict=True):
        np.testing.assert_allclose(found[name], values, atol=1e-6)
    assert [info.name for info in KerasSource(model, "plain").outputs] == [*LOSSES]


class FocalLoss(keras.losses.Loss):  # type: ignore[misc]  # keras has no types
    """Of one-hot rows, as tutorials have it."""

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """[examples]."""
        crossed = -y_true * keras.ops.log(keras.ops.clip(y_pred, 1e-7, 1.0))
        return keras.ops.sum((1 - y_pred) ** 2 * crossed, axis=-1)


def chosen(y_true: Any, y_pred: Any) -> Any:
    """Of class indices, as tutorials have it."""
    rows = keras.ops.one_hot(keras.ops.cast(y_true, "int32"), 3)
    return -keras.ops.log(keras.ops.sum(rows * y_pred, axis=-1))


def neither(y_true: Any, y_pred: Any) -> Any:
    """Of answers with a column more than the model has."""
    return keras.ops.mean(y_true[:, 3] * y_pred[:, 0])


def classifier(loss: Any) -> keras.Model:
    full = network()
    model = keras.Model(full.inputs[0], full.outputs[0])
    model.compile(keras.optimizers.Adam(0.03), loss, run_eagerly=True, jit_compile=False)
    return model


@pytest.mark.parametrize(
    ("loss", "wanted"), [(FocalLoss(), np.eye(3)[TRAIN.targets]), (chosen, TRAIN.targets)]
)
def test_a_loss_of_the_trainings_own_gets_the_answers_that_it_takes(
    loss: Any, wanted: npt.NDArray[Any]
) -> None:
    model = classifier(loss)
    own = OwnLoss(model, 0, "classification")
    right = own.targets(TRAIN.targets)
    np.testing.assert_array_equal(right, wanted)
    model.fit(TRAIN.inputs["x"], wanted, verbose=0)
    ours = float(own(right, model(TRAIN.inputs["x"])))
    assert ours == pytest.approx(model.evaluate(TRAIN.inputs["x"], wanted, verbose=0), rel=1e-5)
    before = Accuracy().compute(model.predict(FEW.inputs["x"], verbose=0), FEW.targets)
    train, few = (Split(split.inputs, split.targets) for split in (TRAIN, FEW))
    prune(model, recipe(epochs=6, batch_size=16), train, few, Accuracy())
    after = Accuracy().compute(model.predict(FEW.inputs["x"], verbose=0), FEW.targets)
    assert after > before


def test_a_loss_that_takes_the_answers_in_no_form_is_refused() -> None:
    train, few = (Split(split.inputs, split.targets) for split in (TRAIN, FEW))
    with pytest.raises(ConversionError) as refused:
        prune(classifier(neither), recipe(epochs=1), train, few, Accuracy())
    told = str(refused.value)
    assert told.startswith(
        "prune: the loss neither of output 'largest' cannot be computed, neither from class "
        "indices: "
    )
    assert ", nor from one-hot rows: " in told
    assert told.endswith("one-hot rows, [examples, 3], or set prune.epochs = 0")
