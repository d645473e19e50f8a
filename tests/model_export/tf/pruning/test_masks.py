"""Which weights become zeros."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest

from model_export.dataset.splits import Split
from model_export.recipe.prune import PruneSection
from model_export.tf.pruning.prune import prune
from tests.support.models import keras_models
from tests.support.models.pruning import Accuracy, network, recipe, sparsity
from tflite_serving.contract.evidence import Pruning

layers = keras.layers

FLOWERS, FEW_FLOWERS = keras_models.flowers(96, 1), keras_models.flowers(30, 2)


def run(model: keras.Model, section: PruneSection, train: Split = FLOWERS) -> Pruning:
    return prune(model, section, train, FEW_FLOWERS, Accuracy())


def test_the_smallest_weights_of_each_layer_go_first() -> None:
    model = network()
    before = np.asarray(model.get_layer("first").kernel)
    run(model, recipe(epochs=0, sparsity=0.25))
    after = np.asarray(model.get_layer("first").kernel)
    assert np.abs(before[after == 0]).max() < np.abs(after[after != 0]).min()
    np.testing.assert_array_equal(after[after != 0], before[after != 0])


@pytest.mark.parametrize(
    ("layer", "shape", "outputs_first"),
    [
        (layers.Dense(6), (16,), (1, 0)),
        (layers.Conv2D(6, 3), (5, 5, 8), (3, 0, 1, 2)),
        (layers.EinsumDense("ab,bc->ac", output_shape=6), (16,), (1, 0)),
    ],
)
def test_in_blocks_the_weights_of_neighbouring_inputs_go_together(
    layer: Any, shape: tuple[int, ...], outputs_first: tuple[int, ...]
) -> None:
    model = keras.Sequential([keras.Input(shape), layer, layers.Flatten(), layers.Dense(3)])
    before = np.array(layer.kernel)
    run(model, recipe(sparsity=0.5, block=(1, 4), epochs=0, include=(layer.name,)))
    blocks = np.array(layer.kernel).transpose(outputs_first).reshape(-1, 4)
    gone = ~blocks.any(axis=1)
    assert gone.mean() == 0.5
    assert (blocks[~gone] != 0).all()
    sizes = np.sqrt(np.mean(before.transpose(outputs_first).reshape(-1, 4) ** 2, axis=1))
    assert sizes[gone].max() < sizes[~gone].min()


def test_a_layer_that_cannot_be_divided_into_blocks_is_pruned_weight_by_weight() -> None:
    model = network()  # its second layer has ten inputs
    run(model, recipe(sparsity=0.5, block=(1, 4), epochs=0))
    assert sparsity(model.get_layer("second")) == 0.5
    assert sparsity(model.get_layer("first")) == 0.5


def test_equal_weights_give_no_more_zeros_than_asked_for() -> None:
    model = network()
    model.get_layer("first").kernel.assign(np.ones((4, 10)))
    run(model, recipe(epochs=0, sparsity=0.3))
    assert sparsity(model.get_layer("first")) == 0.3
