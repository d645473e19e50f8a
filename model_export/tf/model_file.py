"""Reads the configuration in a Keras file, without loading the model."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py

from model_export.errors import LoadError

# Parts of a saved model that are Python code, which runs when the model is loaded.
_CODE = ("Lambda", "__lambda__")
# Layers that load something else beside the file, or what another library pickled.
_FOREIGN = ("TFSMLayer", "JaxLayer", "FlaxLayer", "TorchModuleWrapper")


def read_config(path: Path) -> Any:
    """The description of the model in a ``.keras`` or ``.h5`` file; nothing of it is run.

    Raises:
        LoadError: the file is no Keras model.
    """
    try:
        if path.suffix == ".keras":
            with zipfile.ZipFile(path) as archive:
                return json.loads(archive.read("config.json"))
        if path.suffix in (".h5", ".hdf5"):
            with h5py.File(path) as file:
                if "model_config" not in file.attrs:
                    raise LoadError(
                        f"{path}: expected a whole model, got weights alone; use model.save"
                    )
                return json.loads(file.attrs["model_config"])
    except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise LoadError(f"{path}: expected a Keras model, got {first_line(error)}") from None
    raise LoadError(
        f"{path}: expected .keras, .h5 or a SavedModel folder, got {path.suffix or 'no suffix'}"
    )


def find_code(config: Any) -> Iterator[str]:
    """Names every part of the model that is Python code, or brings some.

    What the model was compiled with is no part of it.
    """
    if isinstance(config, dict):
        called = config.get("config") if config.get("class_name") == "function" else None
        if called in _FOREIGN:
            yield f"a function ({called})"
        if config.get("class_name") in (*_CODE, *_FOREIGN):
            settings = config.get("config")
            name = settings.get("name") if isinstance(settings, dict) else None
            yield f"layer {name!r} ({config['class_name']})" if name else "a lambda function"
        if _is_bare_lambda(config.get("activation")):
            yield f"the activation of layer {config.get('name')!r} (a lambda function)"
        for key, item in config.items():
            if key != "compile_config":
                yield from find_code(item)
    elif isinstance(config, list):
        for item in config:
            yield from find_code(item)


def names_package(config: Any, package: str) -> bool:
    """Whether a part of the model is of a class of a package."""
    if isinstance(config, dict):
        module = config.get("module")
        if isinstance(module, str) and module.partition(".")[0] == package:
            return True
        return any(names_package(item, package) for item in config.values())
    return isinstance(config, list) and any(names_package(item, package) for item in config)


def _is_bare_lambda(activation: Any) -> bool:
    # Keras forgets to write the class of a lambda that is an activation.
    return isinstance(activation, dict) and set(activation) == {"value"}


def first_line(error: BaseException) -> str:
    """What an error says, in one line."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
