"""Restores the loss and optimizer with which a saved model was compiled."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import h5py
import keras

from model_export.errors import LoadError
from model_export.tf.model_file import first_line


@contextmanager
def loading_uncompiled() -> Iterator[None]:
    """While the block runs, Keras compiles no model that it loads, and none in one either.

    The losses, metrics and optimizers of a training may be anybody's own, and what is exported
    needs none of them. Keras leaves out those of the outermost model alone.
    """
    own = keras.Model.compile_from_config
    keras.Model.compile_from_config = lambda model, config: None
    try:
        yield
    finally:
        keras.Model.compile_from_config = own


def compile_as_saved(
    model: keras.Model,
    path: Path,
    custom_objects: Mapping[str, Any],
    log: Callable[[str], None],
    *,
    unsafe_load: bool = False,
) -> None:
    """Compiles a loaded model with its own loss, and its own optimizer if Keras knows that.

    Its metrics do not matter: the gate's decide.

    Args:
        model: not compiled; it stays so if it was saved so.
        path: the ``.keras`` or ``.h5`` file that it was loaded from.
        custom_objects: losses and optimizers beyond Keras's own, by name.
        log: told what cannot be kept.
        unsafe_load: whether the loss may be Python code.

    Raises:
        LoadError: the loss cannot be found.
    """
    saved = _read_keras(path) if path.suffix == ".keras" else _read_hdf5(path)
    if not saved:
        return
    with keras.saving.CustomObjectScope(dict(custom_objects)):
        try:
            loss = _each(saved.get("loss"), partial(_loss, safe_mode=not unsafe_load))
        except Exception as error:
            # Keras raises whatever the loss's own class raises.
            raise LoadError(
                f"{path}: fine-tuning needs the loss that the model was compiled with, and it "
                f"cannot be loaded: {_named(saved.get('loss'))}: {first_line(error)}; give it with "
                'model.custom_objects = "module:name" of a dict by name, save the model compiled '
                "with one of Keras's losses, or leave out the training with prune.epochs = 0"
            ) from error
        optimizer = _optimizer(saved.get("optimizer"), log)
    # Whatever a class's own `compile` does, it is for its own training.
    keras.Model.compile(
        model,
        optimizer=optimizer,
        loss=loss,
        loss_weights=saved.get("loss_weights"),
        run_eagerly=bool(saved.get("run_eagerly")),
    )


def _read_keras(path: Path) -> Mapping[str, Any] | None:
    with zipfile.ZipFile(path) as archive:
        found: Mapping[str, Any] | None = json.loads(archive.read("config.json")).get(
            "compile_config"
        )
    return found


def _read_hdf5(path: Path) -> Mapping[str, Any] | None:
    with h5py.File(path) as file:
        if "training_config" not in file.attrs:
            return None
        found: dict[str, Any] = json.loads(file.attrs["training_config"])
    return {**found, "optimizer": found.get("optimizer_config")}


def _each(saved: Any, load: Callable[[Any], Any]) -> Any:
    """The same lists and dicts, with what is in them loaded."""
    if isinstance(saved, list):
        return [_each(item, load) for item in saved]
    if isinstance(saved, Mapping) and "class_name" not in saved:
        return {name: _each(item, load) for name, item in saved.items()}
    return None if saved is None else load(saved)


def _loss(saved: Any, *, safe_mode: bool) -> Any:
    # By its class, as an HDF5 file has it, a loss of Keras needs no module.
    if isinstance(saved, Mapping) and ("module" in saved or saved["class_name"] == "__lambda__"):
        return keras.saving.deserialize_keras_object(saved, safe_mode=safe_mode)
    # Which lets Keras choose one.
    if saved in ("crossentropy", "ce"):
        return saved
    # Of the user's own an HDF5 file has the bare name, which Keras looks for among its own alone.
    own = keras.saving.get_registered_object(saved) if isinstance(saved, str) else None
    return own or keras.losses.get(saved)


def _optimizer(saved: Any, log: Callable[[str], None]) -> Any:
    if not isinstance(saved, Mapping):
        return saved or "adam"
    try:
        return keras.optimizers.get(dict(saved))
    except Exception as error:
        # Keras raises whatever the optimizer's own class raises.
        log(
            f"the model's own optimizer cannot be loaded ({first_line(error)}): fine-tuning takes "
            "Adam, or what prune.optimizer says"
        )
        return "adam"


def _named(saved: Any) -> str:
    """What the losses are called, for people."""
    found: list[str] = []
    _each(saved, lambda each: found.append(_name(each)))
    return ", ".join(found)


def _name(saved: Any) -> str:
    if not isinstance(saved, Mapping):
        return repr(saved)
    is_function = saved["class_name"] == "function"
    return repr(saved["config"] if is_function else saved["class_name"])
