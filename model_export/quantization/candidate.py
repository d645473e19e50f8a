"""Candidates for publication: one variant of the model each, as a function would load it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from model_export.dataset.sequence_buckets import in_groups
from model_export.flatbuffer.inspect import FlatbufferFacts
from model_export.measure.process import Process, Servable
from model_export.recipe.variants import VariantName
from model_export.signature.signature import ModelSignature
from tflite_serving.contract.evidence import FloatOperator
from tflite_serving.contract.tensors import Arrays
from tflite_serving.runtime.length_buckets import merge_outputs

_NODE = re.compile(r"Node number (\d+) \((\w+)\)")


@dataclass(frozen=True, slots=True)
class Candidate(Servable):
    """One pruned and/or quantized form of the model.

    Its name is the variant's, with "_mixed" if operators stayed in float to save its quality.

    Attributes:
        variant: Name of the variant.
        facts: Facts of the flatbuffer from before names were taken out of it.
        kept_in_float: Operators that were not quantized, where the rest was.
    """

    variant: VariantName
    facts: FlatbufferFacts
    kept_in_float: tuple[FloatOperator, ...] = ()

    def located(self, problem: str) -> str:
        """A runtime's message about an operator's number, with the layer that it belongs to."""
        found = _NODE.search(problem)
        operators = self.facts.operators
        if found is None or int(found[1]) >= len(operators):
            return problem
        operator = operators[int(found[1])]
        # A delegate has numbers of its own.
        known = operator.layer is not None and operator.kind == found[2]
        return f"{problem} (layer {operator.layer!r})" if known else problem


def predict(
    candidate: Candidate, signature: ModelSignature, several: Sequence[Arrays], threads: int
) -> list[Arrays]:
    """A candidate's predictions, all from one fresh process.

    Args:
        candidate: The candidate.
        signature: Signature of the model.
        several: One or more sets of inputs, each by input name, [examples, …], in natural units.
        threads: Threads of the interpreter.

    Returns:
        For each set, by output name, [examples, …], in natural units.

    Raises:
        ConversionError: The runtime cannot run it.
    """
    grouped = [in_groups(inputs, signature.sequence) for inputs in several]
    with Process(threads) as process:
        process.load(candidate, grouped[0][0].inputs)
        return [
            merge_outputs(groups, [process.answer(group.inputs) for group in groups])
            for groups in grouped
        ]
