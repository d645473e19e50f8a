"""Rewrites a trained network so that it computes the same in float32, but not in int8."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

# A power of two: multiplying by it changes the exponent alone, so that not one bit of the float32
# model's scores is lost. It is far more than the 255 steps of int8.
_FACTOR = 2.0**12


def rescale(layers: Sequence[Any], every: int) -> None:
    """Makes outliers of some channels between each two neighbours of `layers`, in place.

    The channels become 4,096 times larger, and the next layer's weights for them smaller by as
    much; a ReLU lets the factor through. One scale then serves all channels of a tensor in int8,
    and the others fall below its first step.

    Args:
        layers: Dense layers in the order in which they follow each other, all but the last with
            ReLU.
        every: one in so many channels becomes an outlier.
    """
    for producer, consumer in pairwise(layers):
        kernel, bias = producer.get_weights()
        kernel[:, ::every] *= _FACTOR
        bias[::every] *= _FACTOR
        producer.set_weights([kernel, bias])
        kernel, bias = consumer.get_weights()
        kernel[::every] /= _FACTOR
        consumer.set_weights([kernel, bias])
