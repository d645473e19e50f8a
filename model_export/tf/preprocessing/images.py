"""Cuts a model behind the layers that give all pictures one size.

They could be converted, if at all, only with a tensor of every size that a client sends; the
function resizes a picture before it becomes one.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

import keras
import numpy as np

from model_export.errors import ConversionError
from model_export.signature.images import Front
from model_export.tf.graph import packed_outputs
from model_export.tf.preprocessing.core import rest_of
from model_export.tf.preprocessing.nested import holding, line, opened
from model_export.tf.source import KerasSource
from tflite_serving.contract.codec import ContractError
from tflite_serving.contract.image import Fit, Resize

_SIZING = (keras.layers.Resizing, keras.layers.CenterCrop)
RANDOM = (
    keras.layers.AugMix,
    keras.layers.RandAugment,
    keras.layers.RandomBrightness,
    keras.layers.RandomColorDegeneration,
    keras.layers.RandomColorJitter,
    keras.layers.RandomContrast,
    keras.layers.RandomElasticTransform,
    keras.layers.RandomErasing,
    keras.layers.RandomFlip,
    keras.layers.RandomGaussianBlur,
    keras.layers.RandomGrayscale,
    keras.layers.RandomHue,
    keras.layers.RandomInvert,
    keras.layers.RandomPerspective,
    keras.layers.RandomPosterization,
    keras.layers.RandomRotation,
    keras.layers.RandomSaturation,
    keras.layers.RandomSharpness,
    keras.layers.RandomShear,
    keras.layers.RandomTranslation,
    keras.layers.RandomZoom,
)
"""Outside of a training they give what they take."""


@dataclass(frozen=True, slots=True)
class PictureSplit:
    """A model without its fronts.

    Attributes:
        core: what is left of it; the model itself if nothing was cut off.
        fronts: by input name, of those that begin with layers for pictures.
    """

    core: KerasSource
    fronts: Mapping[str, Front]


def split_pictures(source: KerasSource, where: str, tensors: Collection[str] = ()) -> PictureSplit:
    """Cuts a model behind what resizes pictures of any size.

    Args:
        source: the whole model.
        where: it came from, for complaints.
        tensors: names of inputs to leave alone.

    Raises:
        ConversionError: a layer does what the function does not; named, with advice.
    """
    model = source.model
    graph = keras.Model(model.inputs, packed_outputs(model))
    fronts, cut = {}, {}
    for tensor, info in zip(model.inputs, source.inputs, strict=True):
        is_picture = len(info.shape) == 4 and info.shape[3] in (1, 3, 4)
        if not is_picture or info.name in tensors:
            continue
        front, layers = _front(graph, tensor, where)
        if front != Front():
            fronts[info.name] = front
        cut[info.name] = layers
    if not any(cut.values()):
        return PictureSplit(source, fronts)
    # The others keep their layers, and the names of these.
    graph = opened(graph, holding([layer for layers in cut.values() for layer in layers]), where)
    starts = [
        (info.name, _behind(graph, tensor, cut.get(info.name, [])))
        for tensor, info in zip(graph.inputs, source.inputs, strict=True)
    ]
    return PictureSplit(rest_of(source, graph, starts, where), fronts)


def _front(graph: keras.Model, tensor: Any, where: str) -> tuple[Front, list[Any]]:
    """What happens to an input first, and the layers to cut off."""
    front, cut, found = Front(), [], []
    is_open = None in tensor.shape[1:3]
    scale, offset, whole = 1.0, 0.0, True
    for layer, at, _ in line(graph, tensor):
        found.append(layer)
        if isinstance(at._keras_history.operation, keras.layers.InputLayer):  # noqa: SLF001
            whole = at.dtype == "uint8"  # A nested model casts what it is given.
        if isinstance(layer, keras.layers.Rescaling):
            if not _is_plain(layer):
                break
            whole = False
            scale, offset = (
                scale * float(layer.scale),
                offset * float(layer.scale) + float(layer.offset),
            )
            front = replace(front, takes_bytes=front.takes_bytes or _is_of_bytes(scale))
        elif isinstance(layer, _SIZING) and layer.data_format == "channels_last":
            if is_open and front.resize is None:
                cut = list(found)
                front = replace(
                    front,
                    layers=tuple(layer.name for layer in cut if not isinstance(layer, RANDOM)),
                    resize=_resize(layer, scale, offset, where),
                    scale=scale,
                    offset=offset,
                    rounds=whole and isinstance(layer, keras.layers.Resizing),
                )
        elif isinstance(layer, RANDOM):
            whole = whole and _keeps_bytes(layer, tensor.shape[-1])
        else:
            break
    return front, cut


def _behind(graph: keras.Model, tensor: Any, cut: list[Any]) -> Any:
    """What the last of some layers puts out that come first after an input."""
    if not cut:
        return tensor
    return next(out for layer, _, out in line(graph, tensor) if layer is cut[-1])


def _keeps_bytes(layer: Any, channels: int) -> bool:
    """Whether whole numbers stay what they are; what Keras says of its types is not always so."""
    return bool(layer(np.zeros((1, 8, 8, channels), np.uint8), training=False).dtype == "uint8")


def _is_plain(layer: Any) -> bool:
    return all(isinstance(value, (int, float)) for value in (layer.scale, layer.offset))


def _is_of_bytes(scale: float) -> bool:
    return 0.9 <= abs(scale) * 255 <= 2.1


def _resize(layer: Any, scale: float, offset: float, where: str) -> Resize:
    """What a layer does, told of pixels from 0 to 255 though it may see scaled ones."""
    if isinstance(layer, keras.layers.CenterCrop):
        return Resize(height=layer.height, width=layer.width, fit="center")
    config = layer.get_config()
    pads = config["pad_to_aspect_ratio"]
    fit: Fit = "crop" if config["crop_to_aspect_ratio"] else "stretch"
    try:
        return Resize(
            height=layer.height,
            width=layer.width,
            method=config["interpolation"],
            antialias=config["antialias"],
            fit="pad" if pads else fit,
            fill=(float(config["fill_value"]) - offset) / scale if pads else 0.0,
        )
    except ContractError as error:
        raise ConversionError(
            f"{where}: layer {layer.name!r} ({type(layer).__name__}): {error}"
        ) from None
