"""Reads the targets of one output, by its task."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from model_export.errors import UsageError
from model_export.signature.outputs import is_multi_hot, is_of_0_and_1
from tflite_serving.contract.tensors import Task

Array = npt.NDArray[Any]


def read_targets(answers: Array, task: Task, where: str) -> Array:
    """Right answers as `Split.targets` has them.

    Args:
        answers: [examples, …], as a source gives them.
        task: of the output that they belong to.
        where: they come from, for complaints.

    Raises:
        UsageError: they are of another kind.
    """
    return _READERS[task](answers, where)


def _are_shares(answers: Array) -> bool:
    """Whether rows are one-hot, or smoothed so that they still sum to 1."""
    if answers.dtype.kind not in "iufb":
        return False
    sums = answers.sum(axis=1, dtype=np.float64)
    return bool((answers >= 0).all() and np.allclose(sums, 1, atol=1e-2))


def _classes(answers: Array, where: str) -> Array:
    if answers.dtype.kind in "USO":
        raise UsageError(
            f"{where}: expected class indices, got strings such as {str(answers.flat[0])[:40]!r}; "
            "give the place of each among the labels, from 0"
        )
    _refuse_nan(answers, "class indices", where)
    if is_multi_hot(answers):
        raise UsageError(
            f"{where}: expected class indices, or one-hot rows, got rows of 0 and 1 with any "
            'number of ones: for several labels at once, say task = "multi_label"'
        )
    if answers.ndim == 2 and answers.shape[1] > 1:
        if not _are_shares(answers):
            # The largest of a regression's values would be a class like any other.
            raise UsageError(
                f"{where}: expected class indices, or one-hot rows, got rows of {answers.dtype} "
                'values that are no shares of 1; for numbers, say task = "regression"'
            )
        answers = answers.argmax(axis=1)
    answers = answers.reshape(-1)
    if answers.dtype.kind not in "iufb" or not np.array_equal(answers, np.rint(answers)):
        raise UsageError(
            f"{where}: expected class indices, got {answers.dtype} values; for numbers, say "
            'task = "regression"'
        )
    return answers.astype(np.int64)


def _refuse_nan(answers: Array, expected: str, where: str) -> None:
    if answers.dtype.kind == "f" and np.isnan(answers).any():
        raise UsageError(
            f"{where}: expected {expected}, got NaN; leave out the examples without an answer"
        )


def _labels(answers: Array, where: str) -> Array:
    if answers.ndim != 2 or not is_of_0_and_1(answers):
        raise UsageError(
            f"{where}: expected rows of 0 and 1, one for each label, got {answers.dtype} values of "
            f"shape {list(answers.shape)}"
        )
    return answers.astype(np.bool_)


def _values(answers: Array, where: str) -> Array:
    _refuse_nan(answers, "numbers", where)
    if answers.dtype.kind not in "iuf" or not np.isfinite(answers).all():
        got = "infinity" if answers.dtype.kind == "f" else f"{answers.dtype} values"
        raise UsageError(f"{where}: expected finite numbers as answers, got {got}")
    return answers.reshape(len(answers), -1).astype(np.float32)


_READERS: Mapping[Task, Callable[[Array, str], Array]] = {
    "classification": _classes,
    "multi_label": _labels,
    "regression": _values,
}
