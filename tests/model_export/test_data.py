"""The examples of an export: from a function or a file, checked, digested, and in order."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tests.support.strategies  # noqa: F401  # it sets Hypothesis's profile
from model_export.data import (
    Given,
    Split,
    Splits,
    classes_in_turn,
    import_object,
    is_multi_hot,
    load_given,
    load_splits,
)
from model_export.errors import UsageError
from tflite_serving.contract.tensors import Task

Array = npt.NDArray[Any]
X: Array = np.arange(12, dtype=np.float32).reshape(6, 2)
Y: Array = np.array([0, 1, 2, 0, 1, 2])
SPLITS = ("train", "validation", "test")
GOOD = """
import numpy as np
x = np.arange(12, dtype=np.float32).reshape(6, 2)
y = np.array([0, 1, 2, 0, 1, 2])
"""


def save_npz(folder: Path, **changes: Array) -> Path:
    arrays: dict[str, Array] = {}
    for name in SPLITS:
        arrays |= {f"x_{name}": X, f"y_{name}": Y}
    path = folder / "data.npz"
    np.savez(path, allow_pickle=True, **{**arrays, **changes})
    return path


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


def test_a_function_gives_three_splits(tmp_path: Path) -> None:
    splits = load(tmp_path, returning("(x, y)", "(x[:3], y[:3])"))
    assert [len(split) for split in (splits.train, splits.validation, splits.test)] == [6, 3, 3]
    assert splits.source == "my_data:splits"
    assert splits.train.targets.dtype == np.int64
    np.testing.assert_array_equal(splits.named(("pixels",)).train.inputs["pixels"], X)


def test_a_function_in_a_package_is_found_in_the_recipes_folder(tmp_path: Path) -> None:
    package = tmp_path / "my_package"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "digits.py").write_text(GOOD + returning("(x, y)"))
    assert len(load_splits("my_package.digits:splits", tmp_path).train) == 6


def test_an_npz_file_gives_three_splits(tmp_path: Path) -> None:
    save_npz(tmp_path, y_test=np.array([2, 2, 2, 2, 2, 1]))
    splits = load_splits("data.npz", tmp_path)
    np.testing.assert_array_equal(splits.test.targets, [2, 2, 2, 2, 2, 1])
    np.testing.assert_array_equal(splits.named(("x",)).train.inputs["x"], X)


def test_both_sources_give_the_same_examples_and_digest(tmp_path: Path) -> None:
    save_npz(tmp_path)
    function = load(tmp_path, returning("(x, y)")).named(("x",))
    assert load_splits("data.npz", tmp_path).named(("x",)).sha256 == function.sha256


def test_one_hot_rows_are_read_as_class_indices(tmp_path: Path) -> None:
    splits = load(tmp_path, returning("(x, np.eye(3)[y])", "(x, y[:, None])"))
    np.testing.assert_array_equal(splits.train.targets, Y)
    np.testing.assert_array_equal(splits.test.targets, Y)


def test_whole_numbers_and_truths_count_as_class_indices(tmp_path: Path) -> None:
    splits = load(tmp_path, returning("(x, y.astype('float32'))", "(x, y > 0)"))
    np.testing.assert_array_equal(splits.train.targets, Y)
    np.testing.assert_array_equal(splits.test.targets, Y > 0)


def test_the_answers_of_a_regression_stay_numbers(tmp_path: Path) -> None:
    splits = load(tmp_path, returning("(x, y / 4)", "(x, np.stack([y, -y], 1))"), "regression")
    assert splits.train.targets.dtype == np.float32
    np.testing.assert_array_equal(splits.train.targets, Y[:, None] / 4)
    np.testing.assert_array_equal(splits.test.targets, np.stack([Y, -Y], axis=1))


@pytest.mark.parametrize(("values", "dtype"), [("y / 0", "float64"), ("y.astype(str)", "<U21")])
@pytest.mark.filterwarnings("ignore:divide by zero:RuntimeWarning")
@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
def test_answers_of_a_regression_that_are_no_numbers_are_refused(
    tmp_path: Path, values: str, dtype: str
) -> None:
    assert complaint(lambda: load(tmp_path, returning(f"(x, {values})"), "regression")) == (
        f"my_data:splits: train: expected finite numbers as answers, got {dtype} values"
    )


ROWS = "np.array([[1, 1], [0, 0], [0, 1], [1, 1], [0, 0], [1, 0.]])"


def test_rows_of_several_ones_are_labels(tmp_path: Path) -> None:
    code = returning(f"(x, {ROWS})", f"(x, {ROWS}.astype(bool))")
    splits = load(tmp_path, code, "multi_label")
    assert splits.train.targets.dtype == splits.test.targets.dtype == np.bool_
    np.testing.assert_array_equal(splits.train.targets, splits.test.targets)
    assert splits.train.strata.tolist() == [3, 0, 1, 3, 0, 2]


@pytest.mark.parametrize(
    ("answers", "task", "problem"),
    [
        (ROWS, "classification", 'for several labels at once, say task = "multi_label"'),
        ("y / 4", "classification", 'got float64 values; for numbers, say task = "regression"'),
        ("y", "multi_label", "expected rows of 0 and 1, one for each label, got int64 values of"),
        (f"{ROWS} * 2", "multi_label", "expected rows of 0 and 1, one for each label, got float"),
    ],
)
def test_answers_of_another_task_say_which(
    tmp_path: Path, answers: str, task: Task, problem: str
) -> None:
    assert problem in complaint(lambda: load(tmp_path, returning(f"(x, {answers})"), task))


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        ([[1, 0], [0, 1]], False),
        ([[1, 0], [0, 0]], True),
        ([[1, 1], [0, 1]], True),
        ([[0.9, 0.1], [0.2, 0.8]], False),
        ([[0], [1]], False),
        ([0, 1], False),
    ],
)
def test_labels_are_told_from_one_hot_rows(answers: Any, expected: bool) -> None:  # noqa: FBT001
    assert is_multi_hot(np.array(answers)) is expected


NAMED = "{'kind': y, 'price': y / 2}"


def given_by(folder: Path, code: str) -> Given:
    (folder / "my_data.py").write_text(GOOD + code)
    return load_given("my_data:splits", folder)


def test_answers_to_several_outputs_are_named(tmp_path: Path) -> None:
    found = given_by(tmp_path, returning(f"(x, {NAMED})", f"(x, {NAMED})"))
    assert [len(y) for y in found.answers(("price", "kind"))["price"]] == [6, 6, 6]
    splits = found.read({"price": "regression", "kind": "classification"})
    np.testing.assert_array_equal(splits.train.targets, Y[:, None] / 2)
    np.testing.assert_array_equal(splits.train.others["kind"], Y)
    np.testing.assert_array_equal(splits.train.strata, Y)
    assert splits.train.rows(np.array([4, 1])).others["kind"].tolist() == [Y[4], Y[1]]
    turned = found.read({"kind": "classification", "price": "regression"})
    np.testing.assert_array_equal(turned.train.targets, Y)
    assert turned.sha256 != splits.sha256
    for names, problem in (
        (("kind",), "expected answers for the outputs kind, got kind, price"),
        (("kind", "cost"), "expected answers for the outputs kind, cost, got kind, price"),
    ):
        with pytest.raises(UsageError, match=problem):
            found.answers(names)


def test_answers_that_lack_a_name_or_an_example_are_refused(tmp_path: Path) -> None:
    found = given_by(tmp_path, returning(f"(x, {NAMED})", "(x[:3], y)"))
    told = complaint(lambda: found.answers(("kind", "price")))
    assert told.endswith("expected answers for the outputs kind, price, got one unnamed array")


def test_a_fair_sample_has_all_classes_and_of_a_regression_all_examples() -> None:
    np.testing.assert_array_equal(Split({"x": X}, Y).strata, Y)
    np.testing.assert_array_equal(Split({"x": X}, X).strata, np.zeros(6))


@given(st.lists(st.integers(0, 4), min_size=1, max_size=40), st.randoms(use_true_random=False))
def test_classes_come_in_turn_until_they_run_out(classes: list[int], random: Random) -> None:
    order = list(range(len(classes)))
    random.shuffle(order)
    rows = classes_in_turn(np.array(classes), np.array(order)).tolist()
    assert sorted(rows) == sorted(order)
    turns = [
        [classes[r] for r in rows[:place]].count(classes[row]) for place, row in enumerate(rows)
    ]
    assert turns == sorted(turns)
    for label in set(classes):
        members = [row for row in order if classes[row] == label]
        assert [row for row in rows if classes[row] == label] == members


def test_several_inputs_come_in_the_order_of_the_model(tmp_path: Path) -> None:
    inputs = "({'b': x, 'a': x + 1}, y)"
    splits = load(tmp_path, returning(inputs, inputs)).named(("a", "b"))
    for split in (splits.train, splits.validation, splits.test):
        assert list(split.inputs) == ["a", "b"]
    np.testing.assert_array_equal(splits.train.inputs["a"], X + 1)


def test_inputs_that_the_model_lacks_are_refused(tmp_path: Path) -> None:
    splits = load(tmp_path, returning("({'b': x, 'a': x}, y)"))
    assert "train: expected the inputs a, c, got b, a" in complaint(
        lambda: splits.named(("a", "c"))
    )
    assert "got one unnamed array" in complaint(
        lambda: load(tmp_path, returning("(x, y)")).named(("a", "b"))
    )


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (returning("x"), "my_data:splits: train: expected (x, y), got ndarray"),
        (returning("(x, y, y)"), "train: expected (x, y), got tuple"),
        (returning("(x, y[:5])"), "expected as many examples as answers, at least one, got 6"),
        (returning("(x[:0], y[:0])"), "expected as many examples as answers, at least one, got 0"),
        (returning("({'a': x, 'b': x / 0}, y)"), "train: b: expected finite numbers, got infinity"),
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


def test_an_error_in_the_users_code_names_its_line(tmp_path: Path) -> None:
    told = complaint(lambda: load(tmp_path, "def splits():\n    return 1 / 0"))
    assert f"({tmp_path / 'my_data.py'}, line 6)" in told


@pytest.mark.parametrize(
    "source", ["my_data", "my_data:", ":splits", ".my_data:splits", "my_data:a.b", "my data:x"]
)
def test_a_reference_that_is_none_is_refused(tmp_path: Path, source: str) -> None:
    assert f"{source}: expected package.module:name" in complaint(
        lambda: load_splits(source, tmp_path)
    )


def test_a_module_that_is_not_there_is_named(tmp_path: Path) -> None:
    told = complaint(lambda: load_splits("nowhere_at_all:splits", tmp_path))
    assert "No module named 'nowhere_at_all'" in told
    assert str(tmp_path) in told


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


@pytest.mark.parametrize("code", [returning("(x, y)"), "1 / 0", "import sys\nsys.path.append('/')"])
def test_the_module_path_is_left_as_it_was(tmp_path: Path, code: str) -> None:
    before = [str(tmp_path), *sys.path]
    sys.path[:] = before
    try:
        with contextlib.suppress(UsageError):
            load(tmp_path, code)
        assert sys.path == before
    finally:
        sys.path.remove(str(tmp_path))


def test_two_recipes_may_have_modules_of_one_name(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    for folder in (first, second):
        folder.mkdir()
    assert len(load(first, returning("(x, y)")).train) == 6
    assert len(load(second, returning("(x[:2], y[:2])")).train) == 2
    assert import_object("my_data:splits", second) is import_object("my_data:splits", second)


def test_a_module_never_replaces_one_of_pythons_own(tmp_path: Path) -> None:
    (tmp_path / "queue.py").write_text(GOOD + returning("(x, y)"))
    before = sys.modules.get("queue")
    assert "has no 'splits'" in complaint(lambda: load_splits("queue:splits", tmp_path))
    assert sys.modules["queue"] is (before or sys.modules["queue"])


def digest(x: Array = X, y: Array = Y, name: str = "x", test: Array | None = None) -> str:
    train = Split({name: x}, y.astype(np.int64))
    other = train if test is None else Split({name: test}, y.astype(np.int64))
    return Splits(train, train, other, "somewhere").sha256


def test_the_digest_changes_with_any_value_name_shape_or_dtype() -> None:
    nudged = X.copy()
    nudged[5, 1] = np.nextafter(nudged[5, 1], np.float32(100))
    digests = {
        digest(),
        digest(nudged),
        digest(y=np.array([0, 1, 2, 0, 1, 1])),
        digest(name="z"),
        digest(X.reshape(6, 1, 2)),
        digest(X.astype(np.float64)),
        digest(test=nudged),
        digest(X[::-1]),
    }
    assert len(digests) == 8


def test_the_digest_does_not_depend_on_the_memory_layout_or_the_source() -> None:
    assert digest() == digest(np.asfortranarray(X))
    split = Split({"x": X}, Y)
    one, other = (Splits(split, split, split, source) for source in ("here", "there"))
    assert one.sha256 == other.sha256
