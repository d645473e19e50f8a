"""Specification of an image input: decoding, orientation, channels, resizing, scaling."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from tflite_serving.contract.codec import ContractError

Mode = Literal["gray", "rgb", "rgba"]
Method = Literal[
    "nearest",
    "bilinear",
    "bicubic",
    "area",
    "lanczos3",
    "lanczos5",
    "gaussian",
    "mitchellcubic",
    "lanczos",
    "box",
    "hamming",
]
Library = Literal["keras", "pil"]
Fit = Literal["stretch", "crop", "pad", "center"]

CHANNELS: dict[Mode, int] = {"gray": 1, "rgb": 3, "rgba": 4}
"""Of a pixel, by mode."""

METHODS: dict[Library, tuple[Method, ...]] = {
    "keras": (
        *("nearest", "bilinear", "bicubic", "area"),
        *("lanczos3", "lanczos5", "gaussian", "mitchellcubic"),
    ),
    "pil": ("nearest", "bilinear", "bicubic", "lanczos", "box", "hamming"),
}
"""Of interpolation, by whose arithmetic it is."""

_LARGEST_SIDE = 16_384


@dataclass(frozen=True, slots=True, kw_only=True)
class Resize:
    """Specification of the resizing of images to one size.

    Attributes:
        height, width: New size in pixels.
        by: Implementation to reproduce. "keras" is that of `keras.layers.Resizing` and
            `tf.image.resize`, in float32. "pil" is Pillow's, in the image's own dtype, as
            `keras.utils.load_img` uses it.
        method: Method of interpolation; `METHODS` has those of either implementation.
        antialias: Whether all source pixels contribute to a smaller image; with Pillow they always
            do.
        fit: Handling of another aspect ratio. "stretch" ignores it; "crop" cuts the largest part of
            the right ratio from the middle first; "pad" adds borders first; "center" takes `height`
            by `width` pixels from the middle as they are, and does as "crop" if the image is too
            small: `keras.layers.CenterCrop`.
        fill: Value of the borders' pixels, 0 to 255.
    """

    height: int
    width: int
    by: Library = "keras"
    method: Method = "bilinear"
    antialias: bool = False
    fit: Fit = "stretch"
    fill: float = 0.0

    def __post_init__(self) -> None:
        for name, size in (("height", self.height), ("width", self.width)):
            if not 1 <= size <= _LARGEST_SIDE:
                raise ContractError(name, f"expected 1 to {_LARGEST_SIDE} pixels, got {size}")
        if self.method not in METHODS[self.by]:
            raise ContractError(
                "method",
                f"expected one of {', '.join(METHODS[self.by])} (by {self.by}), "
                f"got {self.method!r}",
            )
        if self.by == "pil" and (self.antialias or self.fit not in ("stretch", "crop")):
            raise ContractError(
                "by", "expected 'keras' for antialias and for every fit but stretch and crop"
            )
        if self.fit == "center" and (self.method != "bilinear" or self.antialias):
            raise ContractError("method", "expected 'bilinear' without antialias for fit 'center'")
        if not math.isfinite(self.fill):
            raise ContractError("fill", f"expected a finite number, got {self.fill}")
        if self.fill != 0 and self.fit != "pad":
            raise ContractError("fill", f"expected 0 unless fit is 'pad', got {self.fill}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """Specification of an image input, in this order: decode, orient, convert, resize, scale.

    Attributes:
        mode: Color mode, "gray", "rgb" or "rgba", as `keras.utils.load_img` converts to it.
        resize: Resizing; None where clients send the size that the model takes.
        scale, offset: Parameters of the model's input, ``pixel * scale + offset``.
        exif_orientation: Whether images are turned as their EXIF data say. Cameras of phones store
            every image as the sensor lies; `keras.utils.load_img` leaves it so.
    """

    mode: Mode
    resize: Resize | None = None
    scale: float = 1.0
    offset: float = 0.0
    exif_orientation: bool = True

    def __post_init__(self) -> None:
        for name, value in (("scale", self.scale), ("offset", self.offset)):
            if not math.isfinite(value):
                raise ContractError(name, f"expected a finite number, got {value}")
        if self.scale == 0 or not math.isfinite(1 / self.scale):
            raise ContractError("scale", f"expected another number than 0, got {self.scale}")

    @property
    def channels(self) -> int:
        """Number of channels of a pixel."""
        return CHANNELS[self.mode]

    @property
    def is_scaled(self) -> bool:
        """Whether the model's input has another range than 0 to 255."""
        return (self.scale, self.offset) != (1.0, 0.0)
