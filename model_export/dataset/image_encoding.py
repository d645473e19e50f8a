"""Encodes images for requests, golden examples and the report's thumbnails."""

from __future__ import annotations

import base64
import io
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image as PillowImage

from model_export.dataset.image_feeding import MOST_PIXELS
from tflite_serving.contract.image import Image
from tflite_serving.inputs.image_file import decoded, open_picture

Array = npt.NDArray[Any]
_FAST, _SMALL = 1, 9  # compression of PNG: asked and forgotten, or kept
_SMALL_SIDE, _LARGEST_SIDE = 96, 192
"""Of thumbnails, in pixels: up to which each pixel counts, and at all."""
_QUALITY = 80  # of JPEG


def as_json(pictures: Array) -> list[Any]:
    """Pictures as clients send them: as PNG or as the file that they are, in base64.

    Args:
        pictures: that were read, or golden examples.

    Returns:
        for each, ``{"b64": …}``; or [height, width, channels] of fractions, which no file has.
    """
    if pictures.dtype.kind in "SU":
        return [{"b64": text} for text in pictures.astype(np.str_).tolist()]
    if pictures.dtype.kind == "f":
        return list(pictures)
    return [{"b64": _base64(each, _FAST).decode()} for each in pictures]


def as_golden(pictures: Array) -> Array:
    """Pictures as golden examples hold them: [examples] files in base64, or numbers."""
    if pictures.dtype.kind == "f":
        return pictures
    return np.array([_base64(each, _SMALL) for each in pictures])


def thumbnail_of_file(picture: bytes, image: Image) -> str:
    """A picture as the model sees it, as a data URI; see `thumbnail`."""
    opened = open_picture(picture, "picture", MOST_PIXELS)
    return _thumbnail(decoded(opened, image, "picture"))


def thumbnail(pixels: Array) -> str:
    """A data URI: as PNG if the picture is small, else as a smaller JPEG.

    Args:
        pixels: [height, width, channels], of 1, 3 or 4 channels, 0 to 255.
    """
    return _thumbnail(_image(np.rint(pixels).astype(np.uint8)))


def _thumbnail(picture: PillowImage.Image) -> str:
    if picture.mode not in ("L", "RGB"):
        picture = picture.convert("RGB")
    buffer = io.BytesIO()
    if max(picture.size) <= _SMALL_SIDE:
        kind = "png"
        picture.save(buffer, "PNG", optimize=True)
    else:
        kind = "jpeg"
        picture.thumbnail((_LARGEST_SIDE, _LARGEST_SIDE))
        picture.save(buffer, "JPEG", quality=_QUALITY)
    return f"data:image/{kind};base64,{base64.b64encode(buffer.getvalue()).decode()}"


def _base64(picture: bytes | Array, level: int) -> bytes:
    if not isinstance(picture, bytes):
        buffer = io.BytesIO()
        _image(picture).save(buffer, "PNG", compress_level=level)
        picture = buffer.getvalue()
    return base64.b64encode(picture)


def _image(pixels: Array) -> PillowImage.Image:
    return PillowImage.fromarray(pixels if pixels.shape[2] > 1 else pixels[:, :, 0])
