"""Examples in an order that a seed and the epoch decide."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from model_export.tf.pruning.batches import ShuffledBatches


def test_examples_come_in_another_order_each_epoch_and_in_the_same_in_each_run() -> None:
    def order(epoch: int, seed: int = 0) -> list[int]:
        batches = ShuffledBatches({"x": np.arange(10)}, (np.arange(10) * 2,), size=4, seed=seed)
        batches.epoch = epoch
        found = list(batches.dataset)
        assert [len(y) for _, (y,) in found] == [4, 4, 2]
        np.testing.assert_array_equal(
            tf.concat([2 * x["x"] for x, _ in found], 0),
            [value for _, (y,) in found for value in y.numpy()],
        )
        return [int(value) for _, (y,) in found for value in y]

    assert sorted(order(0)) == list(range(0, 20, 2))
    assert order(0) == order(0)
    assert len({tuple(order(epoch)) for epoch in range(4)}) == 4
    assert order(0, seed=1) != order(0)
