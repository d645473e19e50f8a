"""Examples from a function or a file: three splits, or a complaint."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from model_export.dataset.source import load_given, load_splits
from tests.support.examples.data_modules import X, Y, complaint, load, returning

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


def test_an_npz_file_has_several_inputs_and_outputs_by_name(tmp_path: Path) -> None:
    arrays: dict[str, Array] = {}
    for name in SPLITS:
        arrays |= {f"x_{name}_age": X[:, 0], f"x_{name}_job": np.array(list("abcabc"))}
        arrays |= {f"y_{name}_kind": Y, f"y_{name}_price_in_EUR": Y / 2}
    np.savez(tmp_path / "data.npz", allow_pickle=True, **arrays)
    given = load_given("data.npz", tmp_path)
    assert given.names == ("age", "job")
    splits = given.read({"kind": "classification", "price_in_EUR": "regression"})
    np.testing.assert_array_equal(splits.test.targets, Y)
    np.testing.assert_array_equal(splits.test.others["price_in_EUR"], Y[:, None] / 2)
    assert splits.validation.inputs["job"].tolist() == list("abcabc")


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"y_train_kind": Y}, "there is y_train, and also y_train_kind"),
        ({"x_test_age": Y}, "there is x_test, and also x_test_age"),
    ],
)
def test_an_array_both_with_and_without_a_name_is_refused(
    tmp_path: Path, changes: dict[str, Array], problem: str
) -> None:
    save_npz(tmp_path, **changes)
    assert complaint(lambda: load_splits("data.npz", tmp_path)).endswith(problem)


def test_a_file_without_a_split_or_the_answers_of_one_is_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "data.npz", x_train=X, y_train=Y, x_test=X, y_test=Y)
    assert "expected the split 'validation', got only train, test" in complaint(
        lambda: load_splits("data.npz", tmp_path)
    )
    np.savez(tmp_path / "data.npz", x_train=X)
    assert complaint(lambda: load_splits("data.npz", tmp_path)).endswith(
        "there is no y_train, or y_train_<name> for each of several"
    )


def test_another_kind_of_file_is_told_which_may_be(tmp_path: Path) -> None:
    assert complaint(lambda: load_splits("data.csv", tmp_path)) == (
        "data.csv: expected module:function or a .npz file"
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
