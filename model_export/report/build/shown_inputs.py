"""Formats the inputs of test examples for the report: images, texts, named values."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from model_export.dataset.image_encoding import thumbnail, thumbnail_of_file
from model_export.dataset.image_reading import PictureFile
from model_export.dataset.splits import Split
from tflite_serving.contract.tensors import InputSpec

_MOST_VALUES = 12
_LONGEST_TEXT = 300
_SIDES = range(4, 513)

Array = npt.NDArray[Any]


class InputsShown:
    """The inputs of a split.

    Args:
        split: of the examples.
        inputs: of the model.
    """

    def __init__(self, split: Split, inputs: Sequence[InputSpec]) -> None:
        self._inputs = inputs
        self._sent = split.as_sent
        self._ranges: dict[str, tuple[float, float]] = {}

    def of(self, row: int) -> tuple[dict[str, str], dict[str, str]]:
        """One example.

        Returns:
            pictures as data URIs, by input name; in words, by input name or by column, all else
            and the paths of pictures.
        """
        sent = [(spec, self._sent[spec.name][row]) for spec in self._inputs]
        pictures = {spec.name: self._picture(spec, value) for spec, value in sent}
        found = {name: picture for name, picture in pictures.items() if picture is not None}
        values = [
            pair
            for spec, value in sent
            if spec.name not in found or isinstance(value, PictureFile)
            for pair in _named(spec, value)
        ]
        shown = dict(values[:_MOST_VALUES])
        if len(values) > _MOST_VALUES:
            shown["…"] = f"{len(values) - _MOST_VALUES} more"
        return found, shown

    def _picture(self, spec: InputSpec, value: Any) -> str | None:
        if isinstance(value, bytes):
            assert spec.preprocess.image is not None
            return thumbnail_of_file(value, spec.preprocess.image)
        if spec.preprocess.image is not None:
            return thumbnail(value)
        if not _looks_like_picture(value):
            return None
        if spec.name not in self._ranges:
            self._ranges[spec.name] = _range(self._sent[spec.name])
        low, high = self._ranges[spec.name]
        pixels = np.clip((value.astype(np.float64) - low) / max(high - low, 1e-12), 0, 1) * 255
        return thumbnail(pixels.reshape(*value.shape[:2], -1))


def _looks_like_picture(value: Any) -> bool:
    """Whether it has the shape of an image: gray, RGB, or gray with an axis."""
    if not isinstance(value, np.ndarray) or value.dtype == object:
        return False
    is_picture = value.ndim == 2 or (value.ndim == 3 and value.shape[2] in (1, 3))
    return is_picture and all(side in _SIDES for side in value.shape[:2])


def _range(values: Array) -> tuple[float, float]:
    # By the whole split, so that a dark image stays dark.
    low, high = float(values.min()), float(values.max())
    return (low, high) if low < 0 else (0.0, next((t for t in (1.0, 255.0) if high <= t), high))


def _named(spec: InputSpec, value: Any) -> Iterator[tuple[str, str]]:
    """Each value that clients send by name, in words."""
    if spec.fields == (spec,):
        yield spec.name, _in_words(value, spec.units)
        return
    for field, each in zip(spec.fields, value, strict=True):
        yield field.name, _in_words(each, field.units)


def _in_words(value: Any, units: str) -> str:
    if isinstance(value, PictureFile):
        return value.path
    if isinstance(value, str):
        return value if len(value) <= _LONGEST_TEXT else value[:_LONGEST_TEXT] + "…"
    flat = np.ravel(value)
    digits = 6 if flat.size == 1 else 4
    shown = ", ".join(_number(each, digits) for each in flat[:_MOST_VALUES].tolist())
    more = f", … ({flat.size} values)" if flat.size > _MOST_VALUES else ""
    return f"{shown}{more} {units}".rstrip()


def _number(value: Any, digits: int) -> str:
    if value is None or value != value:  # noqa: PLR0124  # NaN, which stands for what is missing
        return "missing"
    return f"{value:.{digits}g}" if isinstance(value, float) else str(value)
