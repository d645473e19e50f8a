"""Batches of examples for training and prediction, in a reproducible order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf


def in_order(inputs: Mapping[str, npt.NDArray[Any]], size: int) -> Any:
    """A dataset of batches for ``predict``: the inputs by name, as they come."""
    return tf.data.Dataset.from_tensor_slices(dict(inputs)).batch(size).with_options(_options())


class ShuffledBatches:
    """Batches of examples for ``fit``, in another order each epoch.

    Args:
        inputs: by name, [examples, …] each.
        targets: [examples, …] of each output.
        size: of a batch; the last one may be smaller.
        seed: of the order.

    Attributes:
        epoch: which is next; whoever trains sets it. An epoch has the same order in every run.
        dataset: of (inputs, targets); it is read anew for each epoch.
    """

    def __init__(
        self,
        inputs: Mapping[str, npt.NDArray[Any]],
        targets: tuple[npt.NDArray[Any], ...],
        *,
        size: int,
        seed: int,
    ) -> None:
        self.epoch = 0
        self._seed = seed
        self._count = len(targets[0])
        # Python gives an epoch's order at once; TensorFlow does the rest, as fast as for arrays.
        orders = tf.data.Dataset.from_generator(
            self._orders, output_signature=tf.TensorSpec((self._count,), tf.int64)
        )
        arrays = tf.nest.map_structure(tf.convert_to_tensor, (dict(inputs), targets))
        self.dataset = (
            orders.flat_map(lambda order: tf.data.Dataset.from_tensor_slices(order).batch(size))
            .map(lambda rows: tf.nest.map_structure(lambda array: tf.gather(array, rows), arrays))
            .apply(tf.data.experimental.assert_cardinality(-(-self._count // size)))
            .prefetch(tf.data.AUTOTUNE)
            .with_options(_options())
        )

    def _orders(self) -> Iterator[npt.NDArray[np.int64]]:
        yield np.random.default_rng([self._seed, self.epoch]).permutation(self._count)


def _options() -> Any:
    options = tf.data.Options()
    # Where operations are deterministic this is undone again, with a complaint on stderr.
    options.experimental_optimization.map_parallelization = False
    return options
