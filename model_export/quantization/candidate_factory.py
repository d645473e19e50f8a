"""Makes candidates of a converted model: one for each variant, and mixtures with float."""

from __future__ import annotations

from dataclasses import dataclass

from model_export.errors import ConversionError
from model_export.flatbuffer.block_sparse import encode_blocks
from model_export.quantization.candidate import Candidate
from model_export.quantization.float32_model import Float32Model
from model_export.quantization.float_operators import float_operators
from model_export.quantization.quantize import Ranges, quantize
from model_export.recipe.variants import VARIANTS, VariantName
from tflite_serving.contract.evidence import FloatOperator


@dataclass(frozen=True, slots=True)
class CandidateFactory:
    """Makes candidates of one model.

    Attributes:
        model: The converted model.
        ranges: Ranges of its tensors, for the variants that need calibration; or why they could
            not be found.
        float_where_faster: Whether operators that integers make slower stay in float; see
            `QuantizeSection`.
    """

    model: Float32Model
    ranges: Ranges | ConversionError
    float_where_faster: bool = True

    def ranges_for(self, variant: VariantName) -> Ranges:
        """The ranges that the quantizer takes for a variant.

        Raises:
            ConversionError: The variant needs ranges, and they could not be found.
        """
        if not isinstance(self.ranges, ConversionError):
            return self.ranges
        if VARIANTS[variant].needs_calibration:
            raise ConversionError(f"{variant}: {self.ranges}") from self.ranges
        return {}

    def left_in_float(self, variant: VariantName) -> tuple[FloatOperator, ...]:
        """The operators that a variant does not quantize, whatever the quality."""
        return float_operators(
            self.model.flatbuffer,
            self.model.facts,
            VARIANTS[variant],
            where_faster=self.float_where_faster,
        )

    def make(
        self, variant: VariantName, kept_in_float: tuple[FloatOperator, ...] = ()
    ) -> Candidate:
        """One candidate, checked.

        Args:
            variant: Name of the variant.
            kept_in_float: Operators to leave in float beside `left_in_float`.

        Raises:
            ConversionError: It cannot be quantized or bound, needs operators that the function
                lacks, or lost zeros.
        """
        name = f"{variant}_mixed" if kept_in_float else variant
        kept_in_float = (*self.left_in_float(variant), *kept_in_float)
        made = self._flatbuffer(variant, kept_in_float)
        if made is self.model.flatbuffer:
            return self.model.candidate
        return self.model.candidate_of(name, variant, made, kept_in_float)

    def _flatbuffer(self, variant: VariantName, kept_in_float: tuple[FloatOperator, ...]) -> bytes:
        if VARIANTS[variant].block:
            return encode_blocks(self.model.flatbuffer)
        return quantize(
            self.model.flatbuffer,
            variant,
            self.ranges_for(variant),
            but=[operator.name for operator in kept_in_float],
            float_inputs=any(operator.why == "range" for operator in kept_in_float),
        )
