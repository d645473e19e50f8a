"""Fine-tuning of several outputs, and of labels: with their own losses, by the worst of them."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from model_export.dataset.splits import Split
from model_export.errors import UsageError
from model_export.recipe.prune import DistillSection
from model_export.tf.pruning.prune import prune
from model_export.tf.pruning.validation import Validation, make_heads
from model_export.tf.source import KerasSource
from tests.support.models.pruning import recipe, sparsity
from tests.support.models.three_outputs import FEW, GOALS, LOSSES, TRAIN, Hits, network


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
