"""Decodes and resizes example images to the model's input, with the function's code."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from model_export.dataset.image_reading import PictureFile
from model_export.dataset.object_arrays import as_objects
from model_export.errors import UsageError
from tflite_serving.contract.tensors import InputSpec
from tflite_serving.errors import RequestError
from tflite_serving.inputs.image import PictureReader
from tflite_serving.inputs.raw import Numbers, RawInput
from tflite_serving.telemetry import Timings

Array = npt.NDArray[Any]
MOST_PIXELS = 2**32
"""Of a file of the operator's own, and of all that its pictures become."""


def tensors(pictures: Array, spec: InputSpec, where: str) -> Array:
    """What becomes of pictures, made with the function's own code.

    Args:
        pictures: that were read.
        spec: the input as clients see it; or see `spec.fed_spec`.
        where: they come from, for complaints.

    Returns:
        [examples, height, width, channels]; objects, [height, width, channels] each, where sizes
        differ.

    Raises:
        UsageError: a file is damaged, or of another size than the model takes.
    """
    reader = PictureReader(spec, MOST_PIXELS)
    place = where.replace("{", "{{").replace("}", "}}") + "[{}]"
    try:
        if pictures.dtype != object:
            return reader.read(Numbers(pictures, place), Timings())
        found = [
            reader.read(_raw(each, place.format(index)), Timings())[0]
            for index, each in enumerate(pictures)
        ]
    except RequestError as error:
        raise UsageError(error.message + _advice(error, spec)) from None
    same = len({each.shape for each in found}) == 1
    return np.stack(found) if same else as_objects(found)


def one_size(found: Array, where: str) -> Array:
    """What `tensors` gives, for a model that is measured on one size.

    Args:
        found: the pictures.
        where: they come from, for complaints.

    Raises:
        UsageError: their sizes differ.
    """
    if found.dtype == object:
        raise UsageError(
            f"{where}: expected pictures of one size, because nothing in front of the model "
            "resizes them: let a Resizing or CenterCrop be its very first layer, not inside "
            "another model; or resize the examples"
        )
    return found


def _raw(picture: Any, place: str) -> RawInput | Numbers:
    if isinstance(picture, PictureFile):
        place = f"{place} ({picture.path})"
    place = place.replace("{", "{{").replace("}", "}}")
    if isinstance(picture, bytes):
        return RawInput([picture], place, True)  # noqa: FBT003
    return Numbers(picture[np.newaxis], place)


def _advice(error: RequestError, spec: InputSpec) -> str:
    if error.code != "wrong_shape":
        return ""
    return (
        f": if pictures were resized for the training, inputs.{spec.name}.resize says how, such as "
        '{by = "keras"} for image_dataset_from_directory, or {by = "pil", method = "nearest"} for '
        "load_img"
    )
