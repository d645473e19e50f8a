"""Trains an example, or uses again what a former run trained."""

from __future__ import annotations

import hashlib
import os
import sys
from pathlib import Path
from types import ModuleType

from rich.console import Console

from model_export import native_logs_held_back


def train_once(
    example: ModuleType, model: Path, epochs: int, console: Console, *, small: bool = False
) -> None:
    """Trains, unless the same code has trained this model for as many epochs.

    Args:
        example: the ``train.py`` of an example.
        model: where the ``.keras`` file goes.
        epochs: passes over the training split.
        console: told of it.
        small: whether to train its smaller network or on fewer examples, if it has such.
    """
    stamp = model.with_suffix(".stamp")
    # Every module here may have a part in it, and Python's own library is data of two examples.
    sources = sorted(Path(__file__).parent.rglob("*.py"))
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()
    inputs = f"{digest} {sys.version} {epochs} {small}"
    if model.exists() and stamp.exists() and stamp.read_text() == inputs:
        console.print(f"reused {os.path.relpath(model)}: train.py has not changed")
        return
    stamp.unlink(missing_ok=True)  # of what is about to be replaced
    train = getattr(example, "train_small", example.train) if small else example.train
    # TensorFlow's own progress bar goes to stdout, its chatter to stderr.
    with native_logs_held_back():
        train(model, epochs, verbose=1 if console.is_terminal else 2)
    stamp.write_text(inputs)
