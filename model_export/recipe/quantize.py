"""``[quantize]`` and ``[calibration]``: the variants, and how their ranges are found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from model_export.recipe.checks import check
from model_export.recipe.variants import DENSE, VariantName
from tflite_serving.contract.codec import ContractError


@dataclass(frozen=True, slots=True, kw_only=True)
class QuantizeSection:
    """``[quantize]``: the variants that become candidates.

    Attributes:
        variants: Their names; by default all dense ones, since the gate can choose only what it
            has.
        float_where_faster: Whether operators that int8 makes slower stay in float, such as
            convolutions that read an image of few channels; see `Variant.float_groups`.
        max_tries: How many mixtures of integers and float are tried for each integer variant that
            misses the budget of quality; 0 tries none.
    """

    variants: tuple[VariantName, ...] = DENSE
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
