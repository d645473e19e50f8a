"""Prunes one layer of a Keras model at a time, to see what each can bear."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import keras
import numpy as np

from model_export.tf.pruning.layers import find
from model_export.tf.pruning.masks import Masks


@dataclass(frozen=True, slots=True)
class PrunedAlone:
    """The layer that is pruned at the moment.

    Attributes:
        path: of the layer.
        weights: how many it has.
        done: how much of the work will be done after it, 0 to 1.
    """

    path: str
    weights: int
    done: float


def prune_each(model: keras.Model, sparsity: float) -> Iterator[PrunedAlone]:
    """Yields every layer that can be pruned, while it alone is.

    Args:
        model: as it was before, when the iteration is over.
        sparsity: of each layer, 0 to 1.
    """
    layers = find(model)
    for index, layer in enumerate(layers):
        before = np.array(layer.kernel)
        Masks([layer], sparsity, schedule="constant", scope="layer", steps=0).finish()
        try:
            yield PrunedAlone(layer.path, before.size, (index + 1) / len(layers))
        finally:
            layer.kernel.assign(before)
