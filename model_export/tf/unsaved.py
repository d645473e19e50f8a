"""Models that are in memory, saved as people save them, so that there is one way to load one."""

from __future__ import annotations

import json
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import keras

from model_export.errors import LoadError, UsageError
from model_export.recipe.model import ModelSection
from model_export.tf.model_file import first_line

_METADATA = "metadata.json"
_SAVED_AT = "date_saved"
_EPOCH = (1980, 1, 1, 0, 0, 0)


def given_objects(custom_objects: Mapping[str, Any]) -> AbstractContextManager[object]:
    """While the context lasts, Keras knows these classes and functions, by name."""
    scope: AbstractContextManager[object] = keras.saving.custom_object_scope(dict(custom_objects))
    return scope


@contextmanager
def saved(model: Any, section: ModelSection) -> Iterator[Path]:
    """The file of a model that is in memory, for as long as the block runs.

    Args:
        model: Keras model.
        section: Name of the model, and what its file is called.

    Raises:
        UsageError: it is no Keras model, or has seen no input yet.
        LoadError: Keras cannot save it.
    """
    if not isinstance(model, keras.Model):
        kind = type(model)
        raise UsageError(
            f"export(model): expected a model of Keras {keras.__version__}, or the path of one, "
            f"got {kind.__module__}.{kind.__qualname__}"
        )
    if not model.built:
        raise UsageError(
            "export(model): expected a trained model, got one without weights, which has seen no "
            "input yet; begin it with keras.Input(shape), and train it"
        )
    with tempfile.TemporaryDirectory(prefix="model-") as folder:
        path = Path(folder) / section.source
        try:
            model.save(path)
        except Exception as error:
            # Keras raises whatever a layer's get_config raises.
            raise LoadError(f"export(model): Keras cannot save it: {first_line(error)}") from error
        _forget_time(path)
        yield path


def _forget_time(path: Path) -> None:
    """Rewrites a ``.keras`` file without the time, so that equal models have equal files."""
    with zipfile.ZipFile(path) as archive:
        content = {name: archive.read(name) for name in archive.namelist()}
    metadata = json.loads(content[_METADATA])
    del metadata[_SAVED_AT]
    content[_METADATA] = json.dumps(metadata).encode()
    with zipfile.ZipFile(path, "w") as archive:
        for name, part in content.items():
            archive.writestr(zipfile.ZipInfo(name, _EPOCH), part)
