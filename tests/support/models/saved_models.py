"""Keras models in files, files that were changed, and what is said of those that are refused."""

from __future__ import annotations

import json
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import keras
import pytest

from model_export.errors import LoadError
from model_export.tf.load import load_source

# Keras itself advises against lambdas and its older format, when it saves them.
QUIET = [
    pytest.mark.filterwarnings("ignore:The object being serialized includes a `lambda`"),
    pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file"),
]


def save(model: keras.Model, path: Path) -> Path:
    model.save(path)
    return path


def complaint(path: Path, **options: Any) -> str:
    with pytest.raises(LoadError) as caught:
        load_source(path, **options)
    assert str(path) in str(caught.value)
    return str(caught.value)


def changed(path: Path, place: Path, change: Callable[[dict[str, Any]], None]) -> Path:
    """A copy of a model file whose description of the layer "hidden" is another one."""

    def described(config: Any) -> str:
        (layer,) = (
            each for each in config["config"]["layers"] if each["config"]["name"] == "hidden"
        )
        change(layer)
        return json.dumps(config)

    if path.suffix == ".h5":
        shutil.copy(path, place)
        with h5py.File(place, "r+") as file:
            file.attrs["model_config"] = described(json.loads(file.attrs["model_config"]))
        return place
    with zipfile.ZipFile(path) as archive, zipfile.ZipFile(place, "w") as copy:
        for name in archive.namelist():
            data = archive.read(name)
            copy.writestr(name, described(json.loads(data)) if name == "config.json" else data)
    return place
