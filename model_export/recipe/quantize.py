"""``[quantize]`` and ``[calibration]``: the variants, and how their ranges are found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from model_export.recipe.checks import check
from tflite_serving.contract.codec import ContractError

Variant = Literal[
    "float32",
    "sparse_float32",
    "float16",
    "weight_int8",
    "weight_int4",
    "dynamic_int8",
    "static_int8",
    "full_int8",
]


DENSE: tuple[Variant, ...] = tuple(
    variant for variant in get_args(Variant) if variant != "sparse_float32"
)
"""All that store every weight; the others need a pruning of their own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QuantizeSection:
    """``[quantize]``: the variants that become candidates.

    Attributes:
        variants: Which; by default all dense ones, since the gate can choose only what it has.
        float_where_faster: whether convolutions that int8 makes slower stay in float: those that
            read an image of few channels, and depthwise ones in dynamic_int8.
        max_tries: how many mixtures of int8 and float are tried for each int8 variant that misses
            the budget of quality; 0 tries none.
    """

    variants: tuple[Variant, ...] = DENSE
    float_where_faster: bool = True
    max_tries: int = 8

    def __post_init__(self) -> None:
        if not self.variants or len(set(self.variants)) < len(self.variants):
            raise ContractError(
                "variants", f"expected each variant once, at least one, got {list(self.variants)}"
            )
        check("max_tries", self.max_tries, "0 or more", self.max_tries >= 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrationSection:
    """``[calibration]``: how the ranges of activations are found.

    Attributes:
        examples: how many of the training split, all classes alike.
        method: "min_max" takes the true range; "moving_average" averages the range of each
            example, which clips what only few of them reach.
    """

    examples: int = 200
    method: Literal["min_max", "moving_average"] = "min_max"

    def __post_init__(self) -> None:
        check("examples", self.examples, "1 or more", self.examples >= 1)
