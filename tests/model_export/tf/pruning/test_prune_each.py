"""One layer after the other is pruned, while the others are as they were."""

from __future__ import annotations

import numpy as np
import pytest

from model_export.tf.pruning.layers import find
from model_export.tf.pruning.prune_each import prune_each
from tests.support.models.pruning import network


def test_each_layer_is_pruned_alone_and_the_model_is_as_before() -> None:
    model = network()
    layers = find(model)
    before = [np.array(layer.kernel) for layer in layers]
    told = []
    for alone in prune_each(model, 0.5):
        told.append(alone)
        for layer, kernel in zip(layers, before, strict=True):
            zeros = float((np.array(layer.kernel) == 0).mean())
            if layer.path == alone.path:
                assert zeros == pytest.approx(0.5, abs=1 / kernel.size)
                assert alone.weights == kernel.size
            else:
                assert np.array_equal(np.array(layer.kernel), kernel)
    assert [each.path for each in told] == [layer.path for layer in layers]
    assert [each.done for each in told] == [(n + 1) / len(layers) for n in range(len(layers))]
    assert told[-1].done == 1
    for layer, kernel in zip(layers, before, strict=True):
        assert np.array_equal(np.array(layer.kernel), kernel)


def test_a_layer_gets_its_weights_back_also_after_an_error() -> None:
    model = network()
    layer = find(model)[0]
    before = np.array(layer.kernel)
    each = prune_each(model, 0.5)
    next(each)
    with pytest.raises(KeyError):
        each.throw(KeyError("an error"))  # type: ignore[attr-defined]  # it is a generator
    assert np.array_equal(np.array(layer.kernel), before)
