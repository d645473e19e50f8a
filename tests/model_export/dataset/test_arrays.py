"""What people hold their examples in becomes arrays by name."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.examples.data_modules import complaint, load, returning


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
        (returning("([[1, 2], [3]], y)"), "expected an array, got rows of different lengths"),
        (returning("(x, [['a'], []] * 3)"), "answers: expected an array, got rows of different"),
        (returning("([{'a': 1}] * 6, y)"), "got dicts; give each column once, by name"),
        (returning("([1, 'a', 2, 3, 4, 5], y)"), "one row an example, got Python objects"),
        (returning("(np.array([{1}] * 6), y)"), "array with one row an example, got Py"),
        (returning("(x, 3)"), "train: answers: expected an array with one row an example, got a"),
        (
            "def splits():\n    return [1, 2]",
            '{"train": (x, y), "validation": (x, y), "test": (x, y)}, got list',
        ),
        (
            "def splits():\n    return {'train': (x, y), 'test': (x, y)}",
            "'validation', got only train, test; hold some of the other examples back for it",
        ),
        (
            "def splits():\n    return {'train': (x, y), 'val': (x, y), 'test': (x, y)}",
            "expected the split 'validation', got only train, val, test; call 'val' so",
        ),
        ("splits = 5", "my_data:splits: expected a function, got int"),
        ("def splits():\n    return 1 / 0", "it raised ZeroDivisionError: division by zero"),
        ("def split():\n    pass", "my_data.py has no 'splits'; did you mean 'split'?"),
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


def test_what_is_missing_in_a_list_of_texts_does_not_become_a_text(tmp_path: Path) -> None:
    texts = "(['a', None, float('nan'), 'b', 'nan', 'c'], y)"
    inputs = load(tmp_path, returning(texts)).named(("text",)).train.inputs["text"]
    assert inputs.tolist() == ["a", None, None, "b", "nan", "c"]
