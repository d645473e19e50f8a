"""Cuts a model behind the layers that give all pictures one size.

They could be converted, if at all, only with a tensor of every size that a client sends; the
function resizes a picture before it becomes one.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

import keras

from model_export.errors import ConversionError
from model_export.tf.load import KerasSource
from tflite_serving.contract.codec import ContractError
from tflite_serving.contract.image import Fit, Resize

_SIZING = (keras.layers.Resizing, keras.layers.CenterCrop)


@dataclass(frozen=True, slots=True)
class Front:
    """What a model does first to an input that holds pictures.

    Attributes:
        layers: names of those that were cut off.
        resize: what they did; None if none was cut off.
        scale, offset: what a `Rescaling` did that was cut off with them.
        takes_bytes: whether it begins by bringing 0 to 255 to a range of 1 or 2.
    """

    layers: tuple[str, ...] = ()
    resize: Resize | None = None
    scale: float = 1.0
    offset: float = 0.0
    takes_bytes: bool = False


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
    graph = keras.Model(model.inputs, model.outputs)
    takers = _takers(graph)
    fronts, starts = {}, []
    for tensor, info in zip(model.inputs, source.inputs, strict=True):
        is_picture = len(info.shape) == 4 and info.shape[3] in (1, 3, 4)
        front, start = Front(), tensor
        if is_picture and info.name not in tensors:
            front, start = _front(tensor, takers, where)
        if front != Front():
            fronts[info.name] = front
        starts.append(start)
    if not any(front.resize for front in fronts.values()):
        return PictureSplit(source, fronts)
    core = keras.Model(starts, model.outputs, name=model.name)
    for entry, info in zip(core.inputs, source.inputs, strict=True):
        entry.name = info.name
    if model.compiled:
        core.compile_from_config(model.get_compile_config())
    return PictureSplit(KerasSource(core, where), fronts)


def _takers(graph: Any) -> dict[int, list[tuple[Any, Any]]]:
    """By id of a tensor: the layers that take it, with the place that each is used in."""
    found: dict[int, list[tuple[Any, Any]]] = {}
    for nodes in graph._nodes_by_depth.values():  # noqa: SLF001
        for node in nodes:
            for tensor in node.input_tensors:
                found.setdefault(id(tensor), []).append((node.operation, node))
    return found


def _front(
    tensor: Any, takers: Mapping[int, list[tuple[Any, Any]]], where: str
) -> tuple[Front, Any]:
    """What happens to an input first, and the tensor at which the rest begins."""
    front, start, at = Front(), tensor, tensor
    is_open = None in tensor.shape[1:3]
    scale, offset, names = 1.0, 0.0, []
    while len(taken := takers.get(id(at), [])) == 1:
        layer, node = taken[0]
        if isinstance(layer, keras.layers.Rescaling):
            if not _is_plain(layer):
                break
            names.append(layer.name)
            scale, offset = (
                scale * float(layer.scale),
                offset * float(layer.scale) + float(layer.offset),
            )
            front = replace(front, takes_bytes=front.takes_bytes or _is_of_bytes(scale))
        elif isinstance(layer, _SIZING) and layer.data_format == "channels_last":
            if is_open and front.resize is None:
                names.append(layer.name)
                front = replace(
                    front,
                    layers=tuple(names),
                    resize=_resize(layer, scale, offset, where),
                    scale=scale,
                    offset=offset,
                )
                start = node.output_tensors[0]
        else:
            break
        at = node.output_tensors[0]
    return front, start


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
