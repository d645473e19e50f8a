"""Detects image inputs by the model or the recipe, and describes them as clients see them."""

from __future__ import annotations

from dataclasses import dataclass, replace

from model_export.errors import UsageError
from model_export.recipe.inputs import InputSection
from model_export.signature.source_model import TensorInfo
from tflite_serving.contract.codec import ContractError
from tflite_serving.contract.image import CHANNELS, Image, Resize
from tflite_serving.contract.tensors import ClientDType, InputSpec, Preprocess, show_shape


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
    told = section.is_of_pictures
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
    if front is not None and front.takes_bytes and scale != 1:
        raise UsageError(
            f"{where}.scale: expected none: the model itself makes a range of 1 or 2 of 0 to 255, "
            f"and would get next to nothing of {section.scale}"
        )
    rounds = info.dtype == "uint8"
    if front is not None and front.resize is not None:
        assert resize is not None
        if resize.fit == "pad":
            resize = replace(resize, fill=(resize.fill - offset) / scale)
        rounds = front.rounds
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


def _is_certain(info: TensorInfo, front: Front | None) -> bool:
    return info.dtype == "uint8" or (
        front is not None and (front.takes_bytes or front.resize is not None)
    )


@dataclass(frozen=True, slots=True)
class Front:
    """What a model does first to an input that holds pictures.

    Attributes:
        layers: names of those that were cut off, but for what does nothing outside of a training.
        resize: what they did; None if none was cut off.
        scale, offset: what a `Rescaling` did that was cut off with them.
        takes_bytes: whether it begins by bringing 0 to 255 to a range of 1 or 2.
        rounds: whether what was resized was whole numbers, and became such again.
    """

    layers: tuple[str, ...] = ()
    resize: Resize | None = None
    scale: float = 1.0
    offset: float = 0.0
    takes_bytes: bool = False
    rounds: bool = False
