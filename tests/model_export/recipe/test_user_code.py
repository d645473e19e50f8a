"""Names of the user's own code are looked up beside the recipe, and its errors are quoted."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path

import pytest

from model_export.dataset.source import load_splits
from model_export.errors import UsageError
from model_export.recipe.user_code import import_object
from tests.support.examples.data_modules import GOOD, complaint, load, returning


def test_a_function_in_a_package_is_found_in_the_recipes_folder(tmp_path: Path) -> None:
    package = tmp_path / "my_package"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "digits.py").write_text(GOOD + returning("(x, y)"))
    assert len(load_splits("my_package.digits:splits", tmp_path).train) == 6


def test_an_error_in_the_users_code_names_its_line(tmp_path: Path) -> None:
    told = complaint(lambda: load(tmp_path, "def splits():\n    return 1 / 0"))
    assert f"({tmp_path / 'my_data.py'}, line 6)" in told


@pytest.mark.parametrize(
    "source", ["my_data.py:", "my_data:", ":splits", ".my_data:splits", "my_data:a.b", "my data:x"]
)
def test_a_reference_that_is_none_is_refused(tmp_path: Path, source: str) -> None:
    assert f"{source}: expected package.module:name" in complaint(
        lambda: load_splits(source, tmp_path)
    )


def test_a_file_in_place_of_a_module_is_told_to_lose_its_suffix(tmp_path: Path) -> None:
    assert complaint(lambda: load_splits("my_data.py:splits", tmp_path)).endswith("leave out .py")


def test_a_module_that_is_not_there_is_named(tmp_path: Path) -> None:
    told = complaint(lambda: load_splits("nowhere_at_all:splits", tmp_path))
    assert "No module named 'nowhere_at_all'" in told
    assert str(tmp_path) in told


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


def test_a_module_that_is_gone_gives_way_to_one_of_its_name(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    for folder in (first, second):
        folder.mkdir()
    assert len(load(first, returning("(x, y)")).train) == 6
    (first / "my_data.py").unlink()
    assert len(load(second, returning("(x[:2], y[:2])")).train) == 2


def test_a_module_never_replaces_one_of_pythons_own(tmp_path: Path) -> None:
    (tmp_path / "queue.py").write_text(GOOD + returning("(x, y)"))
    before = sys.modules.get("queue")
    assert "has no 'splits'" in complaint(lambda: load_splits("queue:splits", tmp_path))
    assert sys.modules["queue"] is (before or sys.modules["queue"])
