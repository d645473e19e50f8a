"""The losses of fine-tuning: the model's own, in the form that they take answers in."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import pytest

from model_export.dataset.splits import Split
from model_export.errors import ConversionError
from model_export.tf.pruning.loss import OwnLoss, loss_weights
from model_export.tf.pruning.prune import prune
from tests.support.models.pruning import Accuracy, recipe
from tests.support.models.three_outputs import FEW, LOSSES, TRAIN, network


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
