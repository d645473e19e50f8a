"""``[inputs.NAME]``: how clients send an input."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from model_export.recipe.checks import check
from tflite_serving.contract.codec import ContractError
from tflite_serving.contract.image import Library, Method, Resize


@dataclass(frozen=True, slots=True, kw_only=True)
class ResizeSection:
    """``inputs.NAME.resize``: how pictures got the size that the model takes, before it did.

    Attributes:
        by: "keras" is `tf.image.resize`, as in `keras.utils.image_dataset_from_directory`; "pil",
            `keras.utils.load_img` with a target size.
        method: of interpolation, in the words of either.
        antialias: whether a smaller picture averages all pixels; Pillow always does.
        fit: what becomes of another ratio of width to height: "stretch", "crop" or "pad".
        fill: value of the borders' pixels, 0 to 255.
    """

    by: Library = "keras"
    method: Method = "bilinear"
    antialias: bool = False
    fit: Literal["stretch", "crop", "pad"] = "stretch"
    fill: float = 0.0

    def __post_init__(self) -> None:
        self.to(1, 1)

    def to(self, height: int, width: int) -> Resize:
        """The same, to a size in pixels."""
        return Resize(
            height=height,
            width=width,
            by=self.by,
            method=self.method,
            antialias=self.antialias,
            fit=self.fit,
            fill=self.fill,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class InputSection:
    """``[inputs.NAME]``: how clients send an input, or a column of one; goes into the manifest.

    Attributes:
        description: what it is, for people.
        units: of its values, for people.
        columns: what each value of a row of numbers is called; none where the examples say it.
        missing: what stands for a value that is missing: "refuse", "mean", "median",
            "most_frequent", "mask", or the value itself; of an input with columns, for all that
            say nothing else. None is "mask" where all layers that take the input have one.
        kind: "image" lets clients send pictures, "tensor" numbers alone; None tells it from the
            model.
        scale, offset: the model is fed ``pixel * scale + offset``, of pixels from 0 to 255.
            Numbers, or fractions such as "1/255"; None is 1, if nothing speaks against it.
        exif_orientation: whether pictures are turned the way that their EXIF data say.
        resize: how pictures of other sizes were resized; None refuses them.
    """

    description: str = ""
    units: str = ""
    columns: tuple[str, ...] = ()
    missing: bool | int | float | str | None = None
    kind: Literal["image", "tensor"] | None = None
    scale: float | str | None = None
    offset: float | str = 0.0
    exif_orientation: bool = True
    resize: ResizeSection | None = None

    def __post_init__(self) -> None:
        for name in ("scale", "offset"):
            value = getattr(self, name)
            check(name, value, 'a number, or a fraction such as "1/255"', _is_number(value))
        check("scale", self.scale, "another number than 0", self.scale_factor != 0)
        if self.kind == "tensor" and self.is_of_pictures:
            raise ContractError("kind", "expected 'image' beside keys of pictures, got 'tensor'")

    @property
    def is_of_pictures(self) -> bool:
        """Whether it says what only an input of pictures can have."""
        keys = (self.scale, self.offset_value, self.exif_orientation, self.resize)
        return self.kind == "image" or keys != (None, 0.0, True, None)

    @property
    def scale_factor(self) -> float:
        """The scale as a number."""
        return 1.0 if self.scale is None else _number(self.scale)

    @property
    def offset_value(self) -> float:
        """The offset as a number."""
        return _number(self.offset)


def _number(value: float | str) -> float:
    over, slash, under = str(value).partition("/")
    if "/" in under or (slash and not under):
        raise ValueError(f"expected one number over another, got {value}")
    return float(Fraction(over) / Fraction(under or 1))


def _is_number(value: float | str | None) -> bool:
    try:
        return value is None or math.isfinite(_number(value))
    except (ValueError, OverflowError, ZeroDivisionError):
        return False
