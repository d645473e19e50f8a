"""Examples from a function or a file: three splits, or a complaint."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from model_export.data.source import load_splits
from tests.support.data_modules import X, Y, complaint, load, returning

Array = npt.NDArray[Any]
SPLITS = ("train", "validation", "test")


def save_npz(folder: Path, **changes: Array) -> Path:
    arrays: dict[str, Array] = {}
    for name in SPLITS:
        arrays |= {f"x_{name}": X, f"y_{name}": Y}
    path = folder / "data.npz"
    np.savez(path, allow_pickle=True, **{**arrays, **changes})
    return path


def test_a_function_gives_three_splits(tmp_path: Path) -> None:
    splits = load(tmp_path, returning("(x, y)", "(x[:3], y[:3])"))
    assert [len(split) for split in (splits.train, splits.validation, splits.test)] == [6, 3, 3]
    assert splits.source == "my_data:splits"
    assert splits.train.targets.dtype == np.int64
    np.testing.assert_array_equal(splits.named(("pixels",)).train.inputs["pixels"], X)


def test_an_npz_file_gives_three_splits(tmp_path: Path) -> None:
    save_npz(tmp_path, y_test=np.array([2, 2, 2, 2, 2, 1]))
    splits = load_splits("data.npz", tmp_path)
    np.testing.assert_array_equal(splits.test.targets, [2, 2, 2, 2, 2, 1])
    np.testing.assert_array_equal(splits.named(("x",)).train.inputs["x"], X)


def test_both_sources_give_the_same_examples_and_digest(tmp_path: Path) -> None:
    save_npz(tmp_path)
    function = load(tmp_path, returning("(x, y)")).named(("x",))
    assert load_splits("data.npz", tmp_path).named(("x",)).sha256 == function.sha256


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (returning("x"), "my_data:splits: train: expected (x, y), got ndarray"),
        (returning("(x, y, y)"), "train: expected (x, y), got tuple"),
        (returning("(x, y[:5])"), "expected as many examples as answers, at least one, got 6"),
        (returning("(x[:0], y[:0])"), "expected as many examples as answers, at least one, got 0"),
        (returning("({'a': x, 'b': x / 0}, y)"), "train: b: expected finite numbers, got infinity"),
        (returning("(x / 0, y)"), "my_data:splits: train: expected finite numbers, got infinity"),
        (returning("(x, y + 0.5)"), "train: expected class indices, got float64 values"),
        (returning("(x, np.full(6, np.nan))"), "train: expected class indices, got float64"),
        (returning("(x, np.array(list('abcabc')))"), "train: expected class indices, got <U1"),
        (returning("([[1, 2], [3]], y)"), "train: expected an array: "),
        (returning("(np.array([{}] * 6), y)"), "expected an array with one row an example, got Py"),
        (returning("(x, 3)"), "train: answers: expected an array with one row an example, got a"),
        ("def splits():\n    return [1, 2]", "expected a dict of splits, got list"),
        (
            "def splits():\n    return {'train': (x, y)}",
            "expected the split 'validation', got only",
        ),
        ("splits = 5", "my_data:splits: expected a function, got int"),
        ("def splits():\n    return 1 / 0", "it raised ZeroDivisionError: division by zero"),
        ("def split():\n    pass", "my_data.py has no 'splits'"),
        ("1 / 0", "the module cannot be imported: ZeroDivisionError: division by zero"),
        ("import pandsa", "No module named 'pandsa'; looked in "),
    ],
)
@pytest.mark.filterwarnings("ignore:divide by zero:RuntimeWarning")  # one of the cases does so
@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
def test_a_source_that_gives_something_else_is_refused(
    tmp_path: Path, code: str, expected: str
) -> None:
    assert expected in complaint(lambda: load(tmp_path, code))


def test_a_file_without_a_split_is_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "data.npz", x_train=X, y_train=Y, x_test=X, y_test=Y)
    assert "expected the split 'validation', got only ['test', 'train']" in complaint(
        lambda: load_splits("data.npz", tmp_path)
    )


def test_a_file_that_is_missing_damaged_or_holds_pickles_is_refused(tmp_path: Path) -> None:
    assert "missing.npz: expected an npz" in complaint(lambda: load_splits("missing.npz", tmp_path))
    path = save_npz(tmp_path, x_train=np.array([{}, {}], dtype=object))
    assert "expected an npz" in complaint(lambda: load_splits("data.npz", tmp_path))
    save_npz(tmp_path)
    path.write_bytes(path.read_bytes()[:500])
    assert "expected an npz" in complaint(lambda: load_splits("data.npz", tmp_path))
    path.write_bytes(b"not an archive")
    assert "expected an npz" in complaint(lambda: load_splits("data.npz", tmp_path))
