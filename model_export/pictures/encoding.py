"""Pictures as files: those that clients send, and those that people look at."""

from __future__ import annotations

import base64
import io
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image as PillowImage

Array = npt.NDArray[Any]
_FAST, _SMALL = 1, 9  # compression of PNG: asked and forgotten, or kept


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


def thumbnail(picture: bytes | Array, side: int) -> bytes:
    """A picture of at most `side` by `side` pixels, as PNG."""
    if isinstance(picture, bytes):
        shown = PillowImage.open(io.BytesIO(picture)).convert("RGB")
    else:
        shown = _image(picture).convert("RGB")
    shown.thumbnail((side, side))
    buffer = io.BytesIO()
    shown.save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def _base64(picture: bytes | Array, level: int) -> bytes:
    if not isinstance(picture, bytes):
        buffer = io.BytesIO()
        _image(picture).save(buffer, "PNG", compress_level=level)
        picture = buffer.getvalue()
    return base64.b64encode(picture)


def _image(pixels: Array) -> PillowImage.Image:
    return PillowImage.fromarray(pixels if pixels.shape[2] > 1 else pixels[:, :, 0])
