"""The float32 flatbuffer of a model, as the converter wrote it: what candidates are made from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from model_export.errors import ConversionError
from model_export.flatbuffer.deduplicate import slim
from model_export.flatbuffer.inspect import FlatbufferFacts, bindings, check_zeros, inspect
from model_export.quantization.candidate import Candidate
from model_export.recipe.variants import VariantName
from model_export.signature.signature import ModelSignature
from tflite_serving.contract.evidence import FloatOperator, PrunedLayer
from tflite_serving.contract.tensors import Tensors


@dataclass(frozen=True)
class Float32Model:
    """A converted model.

    Attributes:
        flatbuffer: Flatbuffer in float32, with the converter's own names.
        signature: Signature of the model.
        layers: Paths of the Keras model's layers.
        pruned: Layers whose zeros every candidate must have.
    """

    flatbuffer: bytes
    signature: ModelSignature
    layers: frozenset[str]
    pruned: Sequence[PrunedLayer] = ()

    @cached_property
    def facts(self) -> FlatbufferFacts:
        """Facts of the flatbuffer."""
        return inspect(self.flatbuffer, self.layers)

    @cached_property
    def candidate(self) -> Candidate:
        """The model itself as a candidate.

        Raises:
            ConversionError: As of `candidate_of`.
        """
        return self._candidate("float32", "float32", self.flatbuffer, self.facts, ())

    def candidate_of(
        self,
        name: str,
        variant: VariantName,
        flatbuffer: bytes,
        kept_in_float: tuple[FloatOperator, ...],
    ) -> Candidate:
        """A candidate, checked.

        Args:
            name: Name of the candidate.
            variant: Name of its variant.
            flatbuffer: Flatbuffer made from `flatbuffer`, with its names.
            kept_in_float: Operators that were not quantized, where the rest was.

        Raises:
            ConversionError: It needs operators that the function lacks, lost zeros, or cannot be
                bound to the signature.
        """
        facts = inspect(flatbuffer, self.layers)
        return self._candidate(name, variant, flatbuffer, facts, kept_in_float)

    def bind(self, flatbuffer: bytes) -> Tensors:
        """The bindings of inputs and outputs to the tensors of a flatbuffer made from this one."""
        return Tensors(
            *bindings(
                flatbuffer,
                self.signature.tensors or tuple(spec.name for spec in self.signature.inputs),
                tuple(spec.name for spec in self.signature.outputs),
            )
        )

    def _candidate(
        self,
        name: str,
        variant: VariantName,
        flatbuffer: bytes,
        facts: FlatbufferFacts,
        kept_in_float: tuple[FloatOperator, ...],
    ) -> Candidate:
        if facts.custom:
            raise ConversionError(
                f"{variant}: it needs operators that the function lacks: {', '.join(facts.custom)}"
            )
        check_zeros(facts, self.pruned, variant)
        slimmed = slim(flatbuffer, facts)
        bound, outputs = self.bind(slimmed), self.signature.outputs
        return Candidate(name, slimmed, bound, outputs, variant, facts, kept_in_float)
