"""Reads the images of a data source, given as arrays, files or paths.

An example is the array of an image's values, or the path of a file. Arrays of whole numbers (uint8)
are pixels; arrays of floats are inputs of the model, which the scale of the input converts to
pixels. Once read, examples are one of

- [examples, height, width, channels] uint8, or float32 where pixels are no whole numbers;
- objects: such images of different sizes, or files as bytes with their path.
"""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from model_export.dataset.object_arrays import as_objects
from model_export.errors import UsageError
from model_export.recipe.inputs import InputSection
from tflite_serving.contract.tensors import InputSpec, show_shape
from tflite_serving.inputs.diagnose import fits

Array = npt.NDArray[Any]
_WHOLE = 1e-3  # of a pixel: what scaling and scaling back may have moved it by
_DARK = 127
_TOGETHER = 256  # examples that are worked on at a time


class PictureFile(bytes):
    """A file's bytes, with the path that the data source gave for them."""

    path: str


def read_pictures(values: Array, fed: InputSpec, folder: Path, where: str) -> Array:
    """The examples of a data source; see the module for the formats.

    Args:
        values: as the source has them.
        fed: how the whole model is fed.
        folder: that paths are relative to.
        where: they come from, for complaints.

    Raises:
        UsageError: they are no pictures, or not in the range that the recipe says.
    """
    if values.dtype.kind in "US" or (values.dtype == object and isinstance(values[0], str)):
        return as_objects([_file(os.fsdecode(path), folder, where) for path in values.tolist()])
    if values.dtype != object:
        return _pixels(values, fed, where)
    pictures = [
        _pixels(np.asarray(each)[np.newaxis], fed, f"{where}[{index}]")[0]
        for index, each in enumerate(values)
    ]
    fractions = next((i for i, each in enumerate(pictures) if each.dtype != np.uint8), None)
    if fractions is not None:
        raise UsageError(
            f"{where}[{fractions}]: expected whole pixels from 0 to 255 of pictures of different "
            "sizes, got fractions"
        )
    return as_objects(pictures)


def check_brightness(pictures: Array, section: InputSection, name: str, where: str) -> None:
    """Raises `UsageError` if all pictures are so dark that they are in another range for certain.

    Args:
        pictures: that were read, of the training split.
        section: of the recipe.
        name: of the input.
        where: they come from, for complaints.
    """
    arrays = [each for each in pictures if isinstance(each, np.ndarray)]
    brightest = max((float(each.max()) for each in arrays), default=math.inf)
    if brightest <= _DARK and section.scale is None:
        raise UsageError(
            f"{where}: {_range(0, brightest, name)}; if they are pixels, and just so dark, set "
            f"inputs.{name}.scale = 1"
        )


def _file(path: str, folder: Path, where: str) -> PictureFile:
    try:
        file = PictureFile((folder / path).read_bytes())
    except OSError as error:
        raise UsageError(f"{where}: {folder / path}: cannot be read: {error.strerror}") from None
    file.path = path
    return file


def _pixels(values: Array, fed: InputSpec, where: str) -> Array:
    """[examples, height, width, channels] uint8; float32 if they are no whole numbers."""
    if not fits(values.shape[1:], fed.instance_shape) or values.dtype.kind not in "iuf":
        raise UsageError(
            f"{where}: expected pictures of {show_shape(fed.instance_shape)} or paths of files, "
            f"got {show_shape(values.shape[1:])} {values.dtype}"
        )
    if values.dtype == np.uint8:
        return values
    image = fed.preprocess.image
    assert image is not None
    found, are_whole, low, high = np.empty(values.shape, np.float32), True, math.inf, -math.inf
    # Not all at once: a data set of floats would take many times its memory.
    for start in range(0, len(values), _TOGETHER):
        pixels = values[start : start + _TOGETHER].astype(np.float64)
        if values.dtype.kind == "f":
            pixels = (pixels - image.offset) / image.scale
        # NumPy's, because Python's own pass over NaN.
        low, high = np.minimum(low, pixels.min()), np.maximum(high, pixels.max())
        whole = np.rint(pixels)
        are_whole = are_whole and bool(np.abs(pixels - whole).max() <= _WHOLE)
        found[start : start + _TOGETHER] = np.clip(whole if are_whole else pixels, 0, 255)
    if not (low >= -_WHOLE and high <= 255 + _WHOLE):
        raise UsageError(f"{where}: {_range(float(low), float(high), fed.name)}")
    return found.astype(np.uint8) if are_whole else found


def _range(low: float, high: float, name: str) -> str:
    scale, offset = f"inputs.{name}.scale", f"inputs.{name}.offset"
    if low >= 0 and high <= 1:
        advice = f'if the model takes 0 to 1, set {scale} = "1/255"'
    elif -1 <= low < 0 and high <= 1:
        advice = f'if the model takes -1 to 1, set {scale} = "1/127.5" and {offset} = -1'
    else:
        advice = f"say what the model is fed with {scale} and {offset}"
    return (
        f"expected pixels from 0 to 255, as clients send them, got {low:.4g} to {high:.4g}; "
        f'{advice}; or let clients send numbers alone: inputs.{name}.kind = "tensor"'
    )
