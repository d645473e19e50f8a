"""Loads a Keras file or a SavedModel folder, safely."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import keras

from model_export.errors import LoadError
from model_export.signature.source_model import SourceModel
from model_export.tf.graph import as_graph
from model_export.tf.model_file import find_code, names_package, read_config
from model_export.tf.pruning.compiled import compile_as_saved, loading_uncompiled
from model_export.tf.saved_model_operators import find_doubtful
from model_export.tf.source import KerasSource, SavedModelSource
from model_export.tf.task_source import TaskSource

_HUB = "keras_hub"
_MOST_TOLD = 5
_HDF5 = (".h5", ".hdf5")
_UNKNOWN = re.compile(r"(?:Could not locate (?:class|function)|Unknown [\w ]+:) '([\w<>]+)'")


def load_source(
    path: Path,
    *,
    custom_objects: Mapping[str, Any] | None = None,
    unsafe_load: bool = False,
    compiled: bool = True,
    log: Callable[[str], None] = lambda line: None,
) -> SourceModel:
    """Loads a model.

    Args:
        path: a ``.keras`` or ``.h5`` file, or a SavedModel folder.
        custom_objects: what Keras needs beyond its own classes.
        unsafe_load: whether Python code in the file may run, and what else does more than compute.
        compiled: whether fine-tuning will want what the model was compiled with.
        log: told what of that cannot be kept.

    Raises:
        LoadError: it is not there, damaged, carries code, or is of another kind.
    """
    if not path.exists():
        raise LoadError(f"{path}: there is no such file or folder; train and save the model first")
    if path.is_dir():
        return _load_saved_model(path, unsafe_load=unsafe_load)
    config = read_config(path)
    code = sorted(set(find_code(config)))
    if code and not unsafe_load:
        raise LoadError(
            f"{path}: {', '.join(code)} hold Python code, or bring other code, which runs when the "
            "model is loaded and cannot be converted for certain. Replace it by Keras layers; or, "
            "if you trust the file, set model.unsafe_load = true"
        )
    is_hub = names_package(config, _HUB)
    if is_hub:
        _register_hub(path)
    # Layers with noise, such as Dropout, draw their seed when they are made.
    keras.utils.set_random_seed(0)
    try:
        with loading_uncompiled():
            model = keras.saving.load_model(
                path, custom_objects=custom_objects, compile=False, safe_mode=not unsafe_load
            )
    except Exception as error:
        # Keras raises whatever the first broken layer raises.
        unknown = _UNKNOWN.search(str(error))
        problem = (
            f"it does not know {unknown[1]!r}; give it with model.custom_objects = "
            f'"module:name" of a dict {{"{unknown[1]}": …}}'
            if unknown
            else _innermost(error)
        )
        if path.suffix in _HDF5:
            problem += "; or save the model as .keras, which keeps more"
        raise LoadError(f"{path}: Keras cannot load it: {problem}") from error
    if is_hub and getattr(model, "preprocessor", None) is not None:
        return TaskSource(model, str(path))
    model = as_graph(model)
    # KerasHub's tasks cannot be compiled again from a file.
    if compiled and not is_hub:
        compile_as_saved(model, path, custom_objects or {}, log, unsafe_load=unsafe_load)
    return KerasSource(model, str(path))


def _innermost(error: Exception) -> str:
    """What the innermost part raised that Keras made of a model's description."""
    told = str(error).rpartition("Exception encountered: ")[2].strip()
    line = (told.splitlines() or [type(error).__name__])[0]
    refused, found, _ = line.partition(" If you trust the source of the artifact")
    return f"{refused} If you trust the file, set model.unsafe_load = true" if found else line


def _load_saved_model(folder: Path, *, unsafe_load: bool) -> SavedModelSource:
    if not (folder / "saved_model.pb").exists():
        raise LoadError(f"{folder}: expected a SavedModel folder, got no saved_model.pb in it")
    doubtful = [] if unsafe_load else find_doubtful(folder)
    if doubtful:
        more = f" and {len(doubtful) - _MOST_TOLD} more" if len(doubtful) > _MOST_TOLD else ""
        raise LoadError(
            f"{folder}: {', '.join(doubtful[:_MOST_TOLD])}{more} may read or write files or run "
            "other code when the model is loaded or asked. Export the model without; or, if you "
            "trust the folder, set model.unsafe_load = true"
        )
    return SavedModelSource(folder)


def _register_hub(path: Path) -> None:
    """Tells Keras of KerasHub's classes: only a file that names them waits for the import."""
    try:
        import keras_hub  # noqa: F401
    except ImportError as error:
        raise LoadError(
            f"{path}: it is made of KerasHub's classes, and keras-hub cannot be imported: {error}; "
            "install keras-hub and tensorflow-text"
        ) from None
