"""Stores an export's finished parts on disk, so that an interrupted one can be resumed."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from model_export.artifact.provenance import PACKAGES
from model_export.errors import UsageError
from model_export.recipe.inputs import InputSection
from model_export.recipe.outputs import OutputSection
from model_export.recipe.recipe import Recipe
from tflite_serving.contract.codec import encode

FOLDER = ".model_export"
_KEY_FILE = "key"
# Of the finished parts: 1 kept a float32 model that was compared with nothing.
_FORMAT = 2
# What the finished parts do not depend on: another budget can be judged with the same evidence.
_FREE_SECTIONS = ("gate", "publish")
_FREE_KEYS = ("max_drop", "description", "units")
_NAMED_SECTIONS = {"inputs": InputSection(), "outputs": OutputSection()}


@dataclass(frozen=True, slots=True)
class Workspace:
    """A folder of finished parts, each written whole or not at all.

    Attributes:
        folder: where they are.
    """

    folder: Path

    def load(self, name: str) -> bytes | None:
        """A part, if it was finished."""
        try:
            return (self.folder / name).read_bytes()
        except FileNotFoundError:
            return None

    def save(self, name: str, data: bytes) -> None:
        """Keeps a part, in place of an older one of the same name."""
        partial = self.folder / f".{name}.partial"
        with partial.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(self.folder / name)

    def clear(self) -> None:
        """Forgets all parts: they are published, or no longer wanted."""
        for path in self.folder.iterdir():
            if path.name != _KEY_FILE:
                path.unlink()


@contextlib.contextmanager
def open_workspace(base: Path, name: str, key: str, *, resume: bool) -> Iterator[Workspace]:
    """Opens the workspace of one model, for one export at a time.

    Args:
        base: the folder of the recipe; the workspace is in ``.model_export`` below it.
        name: of the model.
        key: see `export_key`; parts that were made under another one are forgotten.
        resume: whether to keep finished parts at all.

    Raises:
        UsageError: another export of the model is under way, or the folder cannot be written.
    """
    root = base / FOLDER
    folder = root / name
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # So that nobody commits it by accident.
        (root / ".gitignore").write_text("*\n")
        # With a dot, which no model's name begins with: "iris.lock" may be one.
        lock = (root / f".{name}.lock").open("w")
    except OSError as error:
        raise UsageError(
            f"{folder}: an export keeps its unfinished work there, and it cannot be written: "
            f"{error.strerror}; give another folder with --work"
        ) from None
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise UsageError(
                f"{folder}: another export of {name!r} is under way there; wait for it, or give "
                "another folder with --work"
            ) from None
        workspace = Workspace(folder)
        if not resume or workspace.load(_KEY_FILE) != key.encode():
            shutil.rmtree(folder)
            folder.mkdir()
            workspace.save(_KEY_FILE, key.encode())
        yield workspace


def export_key(recipe: Recipe, source_sha256: str, data_sha256: str) -> str:
    """What the finished parts of an export depend on, as one sha256 in hex.

    Args:
        recipe: all of it but the budget and where to publish.
        source_sha256, data_sha256: of the Keras model and the splits.
    """
    content: Any = encode(recipe)
    for section, default in _NAMED_SECTIONS.items():
        parts = {name: _said(part, encode(default)) for name, part in content[section].items()}
        # One that says nothing else is as good as none.
        content[section] = {name: said for name, said in parts.items() if said}
    facts: Mapping[str, Any] = {
        "format": _FORMAT,
        "recipe": {name: part for name, part in content.items() if name not in _FREE_SECTIONS},
        # Fine-tuning keeps the epoch that the metric likes best.
        "metric": [recipe.gate.metric, recipe.gate.lower_is_better],
        # How sure a tuned threshold must be, and by that what fine-tuning is judged at.
        "tuning": [recipe.gate.sure]
        if any(section.threshold == "tuned" for section in recipe.outputs.values())
        else [],
        "source": source_sha256,
        "data": data_sha256,
        "packages": {name: metadata.version(name) for name in PACKAGES},
    }
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def _said(part: Mapping[str, Any], default: Any) -> dict[str, Any]:
    return {k: v for k, v in part.items() if k not in _FREE_KEYS and v != default[k]}
