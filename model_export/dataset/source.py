"""Loads the examples of a recipe, from a Python function or an ``.npz`` file.

A source is ``package.module:function``, which takes no arguments, or a ``.npz`` file. The function
returns ``{"train": (x, y), "validation": (x, y), "test": (x, y)}``, or a batched `tf.data.Dataset`
for each; the file has the arrays ``x_train``, ``y_train``, ``x_validation`` and so on, or by name
``x_train_<input>`` and ``y_train_<output>``. ``x`` is one array, or a dict of arrays by input name;
images may also be paths of files, relative to the recipe, or a list of arrays of different sizes
(see `model_export.dataset.image_reading`). ``y`` holds class indices or one-hot rows, for several
labels rows of 0 and 1, or for a regression the values. A model with several outputs has a dict of
these by output name.
"""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import numpy as np

from model_export.dataset.arrays import read_arrays
from model_export.dataset.names import by_name
from model_export.dataset.raw_splits import RawSplits
from model_export.dataset.splits import Splits
from model_export.errors import UsageError
from model_export.recipe.user_code import describe_error, import_object
from tflite_serving.contract.tensors import Task

_SPLITS = ("train", "validation", "test")


def load_given(source: str, folder: Path, examples: Any = None) -> RawSplits:
    """Loads what a source gives.

    Args:
        source: Data source; see the module.
        folder: of the recipe.
        examples: Splits in memory, as a source's function returns them; `source` is then what
            messages call them. None loads them.

    Raises:
        UsageError: the source is not there, or gives something else.
    """
    if examples is not None:
        found = _splits(examples, source)
    elif source.endswith(".npz"):
        found = _from_file(folder / source)
    else:
        found = _call(source, folder)
    for name in _SPLITS:
        if name not in found:
            others = [other for other in found if other not in _SPLITS]
            near = get_close_matches(name, others, n=1, cutoff=0.4)  # "val" is far from validation
            hint = f"call {near[0]!r} so" if near else "hold some of the other examples back for it"
            raise UsageError(
                f"{source}: expected the split {name!r}, got only {', '.join(found)}; {hint}"
            )
    return RawSplits(
        {name: read_arrays(found[name], f"{source}: {name}") for name in _SPLITS}, source
    )


def load_splits(source: str, folder: Path, task: Task = "classification") -> Splits:
    """Loads the examples of a model with one output.

    Args:
        source: Data source; see the module.
        folder: of the recipe.
        task: of the output, whatever its name.

    Raises:
        UsageError: the source is not there, or gives something else.
    """
    given = load_given(source, folder)
    names = next(iter(given.splits.values()))[1]
    return given.read({next(iter(names)): task})


def _call(source: str, folder: Path) -> Mapping[str, Any]:
    if ":" not in source:
        raise UsageError(f"{source}: expected module:function or a .npz file")
    function: Callable[[], Any] = import_object(source, folder)
    if not callable(function):
        raise UsageError(f"{source}: expected a function, got {type(function).__name__}")
    try:
        found = function()
    except Exception as error:
        # It is the user's own code, which may raise anything.
        raise UsageError(f"{source}: it raised {describe_error(error)}") from error
    return _splits(found, source)


def _splits(found: Any, source: str) -> Mapping[str, Any]:
    if not isinstance(found, Mapping):
        expected = by_name(_SPLITS, "(x, y)")
        raise UsageError(
            f"{source}: expected a dict of splits, {expected}, got {type(found).__name__}"
        )
    return found


def _from_file(path: Path) -> Mapping[str, Any]:
    try:
        # Opened here, because numpy forgets to close what turns out to be no archive.
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            return _splits_of(archive)
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise UsageError(f"{path}: expected an npz of x_train, y_train, …: {error}") from None


def _splits_of(archive: Any) -> Mapping[str, Any]:
    """`x_train` and `y_train`, or `x_train_<input>` and `y_train_<output>` for each; and so on."""
    found: dict[str, Any] = {}
    for split in _SPLITS:
        x, y = (_arrays(archive, f"{part}_{split}") for part in "xy")
        if x is not None and y is not None:
            found[split] = (x, y)
        elif x is not None or y is not None:
            lacks = f"{'y' if y is None else 'x'}_{split}"
            raise ValueError(f"there is no {lacks}, or {lacks}_<name> for each of several")
    return found


def _arrays(archive: Any, name: str) -> Any:
    """An array, a dict of those whose names begin so, or None."""
    parts = [each for each in archive.files if each.startswith(f"{name}_")]
    if name in archive.files:
        if parts:
            raise ValueError(f"there is {name}, and also {parts[0]}")
        return archive[name]
    return {part.removeprefix(f"{name}_"): archive[part] for part in parts} or None
