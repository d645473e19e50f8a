"""Inputs that are pictures: how clients send them, and the examples that a data source gives.

An example is the array of a picture's values, or the path of a file. Arrays of whole numbers
(uint8) are pixels; arrays of floats are what the model is fed, which the scale of the input turns
into pixels again. Once read, examples are one of

- [examples, height, width, channels] uint8, or float32 where pixels are no whole numbers;
- objects: such pictures of different sizes, or files as bytes.
"""

from __future__ import annotations

import base64
import io
import math
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from PIL import Image as PillowImage

from model_export.errors import UsageError
from model_export.sections.inputs import InputSection
from tflite_serving.contract.codec import ContractError
from tflite_serving.contract.image import CHANNELS, Image
from tflite_serving.contract.tensors import ClientDType, InputSpec, Preprocess, show_shape
from tflite_serving.errors import RequestError
from tflite_serving.inputs.complaint import fits
from tflite_serving.inputs.image import PictureReader
from tflite_serving.inputs.raw import Numbers, RawInput
from tflite_serving.telemetry import Timings

if TYPE_CHECKING:
    from model_export.tf.load import TensorInfo
    from model_export.tf.split.pictures import Front

Array = npt.NDArray[Any]
_WHOLE = 1e-3  # of a pixel: what scaling and scaling back may have moved it by
_DARK = 127
_FAST, _SMALL = 1, 9  # compression of PNG: asked and forgotten, or kept
_MOST_PIXELS = 2**30  # of a file of the operator's own


def picture_spec(info: TensorInfo, section: InputSection, front: Front | None) -> InputSpec | None:
    """The input as clients see it, if it is for pictures.

    Args:
        info: of the whole model's input.
        section: of the recipe.
        front: what the model does first to the input.

    Returns:
        None if it is not: the recipe does not say so, and the model does not tell for certain.

    Raises:
        UsageError: the recipe says so, and it cannot be.
    """
    where = f"recipe.inputs.{info.name}"
    channels = info.shape[3] if len(info.shape) == 4 else None
    mode = next((mode for mode, count in CHANNELS.items() if count == channels), None)
    told = section.kind == "image" or section.resize is not None or section.scale is not None
    seen = mode is not None and (info.dtype == "uint8" or front is not None)
    if section.kind == "tensor" or not (told or (seen and _is_certain(info, front))):
        return None
    if mode is None or info.dtype not in ("float32", "uint8"):
        raise UsageError(
            f"{where}.kind: expected an input of [batch, height, width, channels] with 1, 3 or 4 "
            f"channels, float32 or uint8, for pictures, got {list(info.shape)} {info.dtype}"
        )
    resize = front.resize if front else None
    if section.resize is not None:
        if resize is not None:
            raise UsageError(f"{where}.resize: expected none: the model resizes pictures itself")
        height, width = info.shape[1:3]
        if height is None or width is None:
            raise UsageError(
                f"{where}.resize: expected a model of one size, got {show_shape(info.shape)}"
            )
        resize = section.resize.to(height, width)
    scale, offset = section.scale_factor, section.offset_value
    rounds = info.dtype == "uint8"
    if front is not None and front.resize is not None:
        assert resize is not None
        if resize.fit == "pad":
            resize = replace(resize, fill=(resize.fill - offset) / scale)
        # Of whole numbers, Resizing makes whole numbers; a layer in front of it, floats.
        rounds = rounds and resize.fit != "center" and len(front.layers) == 1
        scale, offset = scale * front.scale, offset * front.scale + front.offset
    try:
        image = Image(
            mode=mode,
            resize=resize,
            scale=scale,
            offset=offset,
            exif_orientation=section.exif_orientation,
        )
        return InputSpec(
            name=info.name,
            dtype="uint8" if rounds else "float32",
            shape=(None, None, None, channels) if resize else info.shape,
            preprocess=Preprocess("image", image),
            description=section.description,
            units=section.units,
        )
    except ContractError as error:
        raise UsageError(f"{where}: {error}") from None


def fed_spec(spec: InputSpec, info: TensorInfo, front: Front | None) -> InputSpec:
    """How the whole model is fed, which may resize and scale pictures itself.

    Args:
        spec: the input as clients see it.
        info: the same, of the whole model.
        front: what the model does first to the input.
    """
    image = spec.preprocess.image
    assert image is not None
    if front is None or front.resize is None:
        return spec
    whole = replace(
        image,
        resize=None,
        scale=image.scale / front.scale,
        offset=(image.offset - front.offset) / front.scale,
    )
    dtype: ClientDType = "uint8" if info.dtype == "uint8" else "float32"
    return replace(spec, dtype=dtype, shape=info.shape, preprocess=Preprocess("image", whole))


def read_pictures(values: Array, fed: InputSpec, folder: Path, where: str) -> Array:
    """The examples of a data source; see the module for what comes in and out.

    Args:
        values: as the source has them.
        fed: how the whole model is fed.
        folder: that paths are relative to.
        where: they come from, for complaints.

    Raises:
        UsageError: they are no pictures, or not in the range that the recipe says.
    """
    if values.dtype.kind in "US" or (values.dtype == object and isinstance(values[0], str)):
        return _objects([_file(folder / str(path), where) for path in values.tolist()])
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
    return _objects(pictures)


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


def tensors(pictures: Array, spec: InputSpec, where: str) -> Array:
    """What becomes of pictures, made with the function's own code.

    Args:
        pictures: that were read.
        spec: the input as clients see it; or see `fed_spec`.
        where: they come from, for complaints.

    Returns:
        [examples, height, width, channels]; objects, [height, width, channels] each, where sizes
        differ.

    Raises:
        UsageError: a file is damaged, or of another size than the model takes.
    """
    reader = PictureReader(spec, _MOST_PIXELS)
    place = where.replace("{", "{{").replace("}", "}}") + "[{}]"
    try:
        if pictures.dtype != object:
            return reader.read(Numbers(pictures, place), Timings())
        found = [
            reader.read(_raw(each, f"{place.format(index)}"), Timings())[0]
            for index, each in enumerate(pictures)
        ]
    except RequestError as error:
        raise UsageError(error.message) from None
    same = len({each.shape for each in found}) == 1
    return np.stack(found) if same else _objects(found)


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


def _file(path: Path, where: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UsageError(f"{where}: {path}: cannot be read: {error.strerror}") from None


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
    if values.dtype.kind == "f":
        values = (values.astype(np.float64) - image.offset) / image.scale
    low, high = float(values.min()), float(values.max())
    if not (low >= -_WHOLE and high <= 255 + _WHOLE):
        raise UsageError(f"{where}: {_range(low, high, fed.name)}")
    whole = np.rint(values)
    if np.abs(values - whole).max() <= _WHOLE:
        return whole.astype(np.uint8)
    return np.clip(values, 0, 255).astype(np.float32)


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


def _raw(picture: Any, place: str) -> RawInput | Numbers:
    place = place.replace("{", "{{").replace("}", "}}")
    if isinstance(picture, bytes):
        return RawInput([picture], place, True)  # noqa: FBT003
    return Numbers(picture[np.newaxis], place)


def _base64(picture: bytes | Array, level: int) -> bytes:
    if not isinstance(picture, bytes):
        buffer = io.BytesIO()
        _image(picture).save(buffer, "PNG", compress_level=level)
        picture = buffer.getvalue()
    return base64.b64encode(picture)


def _image(pixels: Array) -> PillowImage.Image:
    return PillowImage.fromarray(pixels if pixels.shape[2] > 1 else pixels[:, :, 0])


def _objects(values: list[Any]) -> Array:
    found = np.empty(len(values), dtype=object)
    for index, value in enumerate(values):
        found[index] = value
    return found


def _is_certain(info: TensorInfo, front: Front | None) -> bool:
    return info.dtype == "uint8" or (
        front is not None and (front.takes_bytes or front.resize is not None)
    )
