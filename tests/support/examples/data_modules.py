"""Modules that give examples, as people write them beside their recipes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from model_export.dataset.source import load_splits
from model_export.dataset.splits import Splits
from model_export.errors import UsageError
from tflite_serving.contract.tensors import Task

Array = npt.NDArray[Any]
X: Array = np.arange(12, dtype=np.float32).reshape(6, 2)
Y: Array = np.array([0, 1, 2, 0, 1, 2])
GOOD = """
import numpy as np
x = np.arange(12, dtype=np.float32).reshape(6, 2)
y = np.array([0, 1, 2, 0, 1, 2])
"""


def load(folder: Path, code: str, task: Task = "classification") -> Splits:
    (folder / "my_data.py").write_text(GOOD + code)
    return load_splits("my_data:splits", folder, task)


def returning(train: str, others: str = "(x, y)") -> str:
    return (
        "def splits():\n"
        f"    return {{'train': {train}, 'validation': {others}, 'test': {others}}}\n"
    )


def complaint(action: Callable[[], object]) -> str:
    with pytest.raises(UsageError) as caught:
        action()
    return str(caught.value)
