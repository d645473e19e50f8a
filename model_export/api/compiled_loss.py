"""The task of each output, told by the loss that the model was compiled with."""

from __future__ import annotations

import json
import re
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import h5py

LossKind = Literal["values", "one_class", "several_classes"]
"""Numbers; the share of one class, or of several labels; or of classes that exclude each other."""

_KINDS: Mapping[str, LossKind] = {
    "mean_squared": "values",
    "mean_absolute": "values",
    "mse": "values",
    "mae": "values",
    "huber": "values",
    "log_cosh": "values",
    "poisson": "values",
    "binary": "one_class",
    "categorical": "several_classes",
}


def read_loss_kinds(model: Path, outputs: Sequence[str]) -> dict[str, LossKind]:
    """The kind of each output's loss, where the file has one that is Keras's.

    Args:
        model: Path of the saved model.
        outputs: Names of its outputs, in their order.
    """
    loss = _compiled(model).get("loss")
    if isinstance(loss, Mapping) and set(loss) <= set(outputs):
        losses = dict(loss)
    elif isinstance(loss, list):
        losses = dict(zip(outputs, loss, strict=False))
    else:
        losses = dict.fromkeys(outputs, loss)
    kinds = {output: _kind(losses.get(output)) for output in outputs}
    return {output: kind for output, kind in kinds.items() if kind is not None}


def _compiled(model: Path) -> Mapping[str, Any]:
    """What the model was compiled with; empty if it was not, or if that was not saved."""
    found: Any = None
    if model.suffix == ".keras":
        with zipfile.ZipFile(model) as archive:
            found = json.loads(archive.read("config.json")).get("compile_config")
    elif model.is_file():
        with h5py.File(model) as file:
            found = json.loads(file.attrs.get("training_config", "null"))
    return found if isinstance(found, Mapping) else {}


def _kind(loss: Any) -> LossKind | None:
    name = loss
    while isinstance(name, Mapping):  # a class of Keras's, or a function in one
        name = name.get("config") if name.get("class_name") == "function" else name["class_name"]
    if not isinstance(name, str):
        return None
    snake = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()
    return next((kind for part, kind in _KINDS.items() if part in snake), None)
