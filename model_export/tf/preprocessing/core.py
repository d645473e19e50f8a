"""Builds the core model, which begins at the tensors behind a cut."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import keras

from model_export.tf.source import KerasSource


def rest_of(
    source: KerasSource, graph: keras.Model, cut: Sequence[tuple[str, Any]], where: str
) -> KerasSource:
    """A model that begins at other tensors.

    Args:
        source: the whole model; what it was compiled with stays.
        graph: the same, as its graph was cut.
        cut: tensors of the graph that it begins at, each after the name of the input for it.
        where: it came from, for complaints.
    """
    model = source.model
    rest = keras.Model([tensor for _, tensor in cut], graph.output, name=model.name)
    for entry, (name, _) in zip(rest.inputs, cut, strict=True):
        entry.name = name
    # A model that is no layer any more may have named an output, and losses go by its name.
    rest.output_names = getattr(model, "output_names", None) or [model.layers[-1].name]
    if model.compiled:
        rest.compile_from_config(model.get_compile_config())
    found = KerasSource(rest, where)
    names = (info.name for info in source.outputs)
    found.outputs = tuple(
        replace(info, name=name) for info, name in zip(found.outputs, names, strict=True)
    )
    return found
