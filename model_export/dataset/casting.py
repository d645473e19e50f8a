"""Casts examples to the dtypes that clients send, or that the whole model takes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from model_export.dataset.image_feeding import tensors
from model_export.dataset.image_reading import read_pictures
from model_export.dataset.object_arrays import as_objects
from model_export.dataset.splits import Split, Splits
from model_export.errors import UsageError
from model_export.signature.signature import ModelSignature
from model_export.signature.source_model import SourceModel
from tflite_serving.contract.tensors import Arrays, InputSpec
from tflite_serving.preprocess.pipeline import in_shapes


def cast_inputs(splits: Splits, signature: ModelSignature, folder: Path = Path()) -> Splits:
    """The same examples in the dtypes that clients send.

    Args:
        splits: as the source has them.
        signature: of the model.
        folder: that paths of pictures are relative to.

    Raises:
        UsageError: a value does not survive, such as 0.5 in an integer input.
    """
    specs = {spec.name: spec for spec in signature.inputs}

    def cast_split(split: Split, which: str) -> Split:
        where = f"{splits.source}: {which}"
        return split.given(
            {name: cast_input(x, name, f"{where}: {name}") for name, x in split.inputs.items()}
        )

    def cast_input(x: npt.NDArray[Any], name: str, where: str) -> npt.NDArray[Any]:
        if specs[name].preprocess.kind == "image":
            return read_pictures(
                x, signature.model_input_specs.get(name, specs[name]), folder, where
            )
        return _cast(x, specs[name], where)

    return splits.each(cast_split)


def _cast(values: npt.NDArray[Any], spec: InputSpec, where: str) -> npt.NDArray[Any]:
    if len(spec.shape) == 1:
        values = values.reshape(len(values))
    if spec.dtype == "string":
        return _strings(values, where)
    dtype = np.dtype(spec.dtype)
    if values.dtype == dtype:
        return values
    try:
        with np.errstate(all="ignore"):
            cast_values = values.astype(dtype)
    except (TypeError, ValueError):
        raise UsageError(f"{where}: expected {dtype} values, got {values.dtype}") from None
    # To float32 everything is rounded; it must only stay finite.
    same = np.isfinite(cast_values) if dtype.kind == "f" else cast_values == values
    if not same.all():
        example = values[~same].flat[0]
        raise UsageError(f"{where}: expected {dtype} values, got {example} ({values.dtype})")
    return cast_values


def _strings(values: npt.NDArray[Any], where: str) -> npt.NDArray[Any]:
    """As objects, each of which takes the room that it needs."""
    if values.dtype.kind not in "USO":
        raise UsageError(f"{where}: expected strings, got {values.dtype} values")
    try:
        texts = [v.decode() if isinstance(v, bytes) else v for v in values.tolist()]
        for text in texts:
            text.encode()
    except (UnicodeError, AttributeError):
        raise UsageError(f"{where}: expected strings of Unicode") from None
    return as_objects(texts)


def fed_inputs(
    asked: Arrays, source: SourceModel, signature: ModelSignature, where: str
) -> dict[str, npt.NDArray[Any]]:
    """Examples as the whole model takes them.

    Args:
        asked: as clients send them; see `cast_inputs`.
        source: the whole model.
        signature: of it.
        where: they come from, for complaints.
    """
    fed = {
        name: tensors(asked[name], signature.model_input_specs.get(name, spec), f"{where}: {name}")
        for name, spec in signature.pictures.items()
    }
    shapes = {info.name: info.shape for info in source.inputs if info.name not in fed}
    return {**in_shapes(asked, shapes), **fed}
