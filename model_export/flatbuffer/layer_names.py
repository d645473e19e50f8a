"""Finds the Keras layer in the names that TensorFlow and its converter give."""

from __future__ import annotations

import re
from collections.abc import Sequence

STABLE = "stable_"
"""What the names of operators begin with that `tf.stable_operators` puts in another's place."""

_NORMALIZATION = "/batchnorm/"  # TensorFlow's own scope


def is_stable(name: str) -> bool:
    """Whether a tensor's name is of an operator that `tf.stable_operators` put there.

    They are many small steps, some of which no accelerated integer kernel takes.
    """
    return name.rpartition("/")[2].startswith(STABLE)


def layer_of(name: str, layers: frozenset[str], *, is_node: bool = True) -> str | None:
    """The layer that a name of a graph's node or of a flatbuffer's tensor speaks of.

    Args:
        name: such as "model_1/block_1/volume_1/MatMul": a scope for each level, numbered.
        layers: names of all layers; if they are not known, every scope counts as one.
        is_node: whether the last part names the operation, not a layer.

    Returns:
        the path of the layer, "block/volume"; None if the name speaks of none.
    """
    scopes = name.split("/")[1:]
    if is_node:
        scopes = scopes[:-1]
    if not layers:
        return "/".join(scopes) or None
    # A graph numbers its scopes: "volume" becomes "volume_1".
    found = (re.sub(r"_\d+$", "", scope) for scope in scopes)
    known = [
        short if short in layers else scope
        for short, scope in zip(found, scopes, strict=True)
        if short in layers or scope in layers
    ]
    return "/".join(known) or None


def layer_of_fused(names: Sequence[str], layers: frozenset[str]) -> str | None:
    """The layer of an operator that the converter fused from several nodes.

    Args:
        names: of its tensors, the most telling first; each may be several, joined by ";".
        layers: names of all layers.
    """
    for name in names:
        # What was fused into an operator comes first, and what it began as comes last; but for the
        # last step of a normalization.
        parts = name.split(";")[::-1]
        parts.sort(key=lambda part: _NORMALIZATION in part)
        for part in parts:
            layer = layer_of(part, layers)
            if layer is not None:
                return layer
    return None
