"""The variants of a float32 model: one table, whose rows say all that differs between them.

A recipe chooses from them by name (``quantize.variants``), `model_export.quantization` makes them,
and the gate compares some with others. A new variant is one row here, and its row in the docs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

Method = Literal["float_casting", "weight_only", "dynamic", "static"]
"""How a quantizer treats an operator.

"float_casting": weights in a shorter float, computed in float32; "weight_only": integer weights,
computed in float32; "dynamic": integer weights, activations quantized at run time; "static":
integer weights and activations, with ranges from calibration.
"""

FloatGroup = Literal[
    "input_scaling", "input_convolutions", "stable_operators", "depthwise_convolutions"
]
"""Operators that a variant leaves in float; see `model_export.quantization.float_operators`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """One way to store and compute a model.

    Attributes:
        name: Name in recipes, manifests and reports.
        method: Method of the quantizer; None where nothing is quantized.
        weight_bits: Bits of a stored weight.
        float_groups: Groups of operators that stay in float, whatever the quality.
        float_interface: Whether inputs and outputs stay float32 where their operators do not.
        block: Outputs by inputs of the pruned blocks whose zeros are not stored; None where every
            weight is stored.
        compared_with: Name of the variant with the same weights that this one must undercut in
            size without being slower; None if the budgets of ``[gate]`` are all it must keep.
        stored_weights, activations, interface: What weights, activations, and inputs and outputs
            are, in the words of the documentation.
    """

    name: str
    method: Method | None = None
    weight_bits: int = 32
    float_groups: tuple[FloatGroup, ...] = ()
    float_interface: bool = False
    block: tuple[int, int] | None = None
    compared_with: str | None = None
    stored_weights: str
    activations: str = "float32"
    interface: str = "float32"

    @property
    def needs_calibration(self) -> bool:
        """Whether it takes the ranges of the activations."""
        return self.method == "static"

    @property
    def is_integer(self) -> bool:
        """Whether weights become integers, so that a mixture with float may save its quality."""
        return self.weight_bits < 16  # of the shortest float


_ROWS = (
    Variant(name="float32", stored_weights="float32"),
    Variant(
        name="sparse_float32",
        block=(1, 4),
        compared_with="float32",
        stored_weights="float32, blocks of zeros left out",
    ),
    Variant(
        name="float16",
        method="float_casting",
        weight_bits=16,
        stored_weights="float16",
    ),
    Variant(
        name="weight_int8",
        method="weight_only",
        weight_bits=8,
        stored_weights="int8",
    ),
    Variant(
        name="weight_int4",
        method="weight_only",
        weight_bits=4,
        stored_weights="int4 where it can be, or float32",
    ),
    Variant(
        name="dynamic_int8",
        method="dynamic",
        weight_bits=8,
        # Depthwise convolutions have no accelerated kernel for dynamic int8 at all.
        float_groups=("input_convolutions", "depthwise_convolutions"),
        stored_weights="int8",
        activations="quantized while it runs",
    ),
    Variant(
        name="static_int8",
        method="static",
        weight_bits=8,
        float_groups=("input_scaling", "input_convolutions", "stable_operators"),
        float_interface=True,
        stored_weights="int8",
        activations="int8, calibrated",
    ),
    Variant(
        name="full_int8",
        method="static",
        weight_bits=8,
        # It promises integers throughout, also where float would be faster.
        float_groups=("input_scaling",),
        stored_weights="int8",
        activations="int8, calibrated",
        interface="int8; the function converts",
    ),
)

VARIANTS = {variant.name: variant for variant in _ROWS}
"""Every variant, by name."""

DENSE = tuple(variant.name for variant in _ROWS if variant.block is None)
"""Names of those that store every weight; the others need a pruning of their own."""

if TYPE_CHECKING:
    VariantName = str
else:
    # What a recipe is read with, and what lists the names in an error; mypy takes no names that
    # are worked out.
    VariantName = Literal[tuple(VARIANTS)]
