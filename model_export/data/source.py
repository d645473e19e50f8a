"""Calling the function, or opening the file, that a recipe names as the source of its examples."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from model_export.data.arrays import read_arrays
from model_export.data.given import Given
from model_export.data.splits import Splits
from model_export.errors import UsageError
from model_export.user_code import import_object, told
from tflite_serving.contract.tensors import Task

_SPLITS = ("train", "validation", "test")


def load_given(source: str, folder: Path) -> Given:
    """Loads what a source gives.

    Args:
        source: see `model_export.data`.
        folder: of the recipe.

    Raises:
        UsageError: the source is not there, or gives something else.
    """
    found = _from_file(folder / source) if source.endswith(".npz") else _call(source, folder)
    for name in _SPLITS:
        if name not in found:
            raise UsageError(f"{source}: expected the split {name!r}, got only {sorted(found)}")
    return Given({name: read_arrays(found[name], f"{source}: {name}") for name in _SPLITS}, source)


def load_splits(source: str, folder: Path, task: Task = "classification") -> Splits:
    """Loads the examples of a model with one output.

    Args:
        source: see `model_export.data`.
        folder: of the recipe.
        task: of the output, whatever its name.

    Raises:
        UsageError: the source is not there, or gives something else.
    """
    given = load_given(source, folder)
    names = next(iter(given.splits.values()))[1]
    return given.read({next(iter(names)): task})


def _call(source: str, folder: Path) -> Mapping[str, Any]:
    function: Callable[[], Any] = import_object(source, folder)
    if not callable(function):
        raise UsageError(f"{source}: expected a function, got {type(function).__name__}")
    try:
        found = function()
    except Exception as error:
        # It is the user's own code, which may raise anything.
        raise UsageError(f"{source}: it raised {told(error)}") from error
    if not isinstance(found, Mapping):
        raise UsageError(f"{source}: expected a dict of splits, got {type(found).__name__}")
    return found


def _from_file(path: Path) -> Mapping[str, Any]:
    try:
        # Opened here, because numpy forgets to close what turns out to be no archive.
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            return {
                split: (archive[f"x_{split}"], archive[f"y_{split}"])
                for split in _SPLITS
                if f"x_{split}" in archive.files and f"y_{split}" in archive.files
            }
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise UsageError(f"{path}: expected an npz of x_train, y_train, …: {error}") from None
