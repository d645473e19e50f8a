"""Opens the model of a recipe, whatever it was saved as."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from model_export.errors import UsageError
from model_export.recipe.model import DataSection, ModelSection
from model_export.recipe.user_code import import_object
from model_export.signature.source_model import SourceModel


def load_model(
    model: ModelSection,
    data: DataSection,
    folder: Path,
    *,
    trains: bool = False,
    log: Callable[[str], None] = lambda line: None,
) -> SourceModel:
    """Loads the model of a recipe's section.

    Args:
        model, data: as in a recipe.
        folder: that their paths and modules are looked up in.
        trains: whether it will be fine-tuned, with the loss that it was compiled with.
        log: told what cannot be kept of the model.

    Raises:
        ExportError: its class says which exit code.
    """
    # Not at the top: importing TensorFlow takes seconds, and a wrong recipe should not.
    from model_export.tf.load import load_source

    # The module of the examples may register the model's classes with Keras.
    if ":" in data.source and not data.source.endswith(".npz"):
        import_object(data.source, folder)
    custom = _custom_objects(model.custom_objects, folder) if model.custom_objects else None
    return load_source(
        folder / model.source,
        custom_objects=custom,
        unsafe_load=model.unsafe_load,
        compiled=trains,
        log=log,
    )


def _custom_objects(reference: str, folder: Path) -> Mapping[str, Any]:
    found = import_object(reference, folder)
    if not isinstance(found, Mapping):
        raise UsageError(
            f"recipe.model.custom_objects: {reference}: expected a dict of classes and functions "
            f"by name, got {type(found).__name__}"
        )
    return found
