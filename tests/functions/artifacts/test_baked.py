"""What the function does about models that lie beside main.py."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.places import FUNCTIONS
from tflite_serving.artifacts.baked import with_baked
from tflite_serving.errors import SettingsError
from tflite_serving.settings import ModelRef, Settings


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A function's folder with two baked models."""
    folder = tmp_path / "a folder #1"
    (folder / "registry").mkdir(parents=True)
    (folder / "registry" / "MODELS").write_text("iris@production,wine@staging\n")
    return folder


def settings(source: Path, **environ: str) -> Settings:
    return Settings.from_env(with_baked(environ, source))


def refusal(source: Path, **environ: str) -> str:
    with pytest.raises(SettingsError) as caught:
        settings(source, **environ)
    return str(caught.value)


@pytest.mark.parametrize("empty", [{}, {"MODEL_REGISTRY": "", "MODELS": " "}])
def test_what_is_baked_is_served_in_its_order(source: Path, empty: dict[str, str]) -> None:
    found = settings(source, **empty)
    assert found.registry == str(source / "registry")
    assert found.models == (ModelRef("iris"), ModelRef("wine", "staging"))


def test_models_of_the_environment_are_looked_up_in_the_baked_registry(source: Path) -> None:
    found = settings(source, MODELS="wine@staging")
    assert found.registry == str(source / "registry")
    assert found.models == (ModelRef("wine", "staging"),)


def test_another_registry_is_not_asked_for_the_baked_models(source: Path) -> None:
    problem = "MODELS: expected a value, got nothing"
    assert refusal(source, MODEL_REGISTRY="gs://bucket") == problem
    assert refusal(source, MODEL_REGISTRY="gs://bucket", MODELS="") == problem


def test_the_environment_wins_over_what_is_baked(source: Path) -> None:
    found = settings(source, MODEL_REGISTRY="gs://bucket", MODELS="other", MAX_BATCH="7")
    assert (found.registry, found.models) == ("gs://bucket", (ModelRef("other"),))
    assert found.max_batch == 7


def test_other_settings_go_with_baked_models(source: Path) -> None:
    assert settings(source, MAX_BATCH="7").max_batch == 7


def test_without_a_baked_registry_both_are_required(tmp_path: Path) -> None:
    (tmp_path / "registry").write_text("a file, no folder")
    assert refusal(tmp_path) == (
        "MODEL_REGISTRY: expected a value, got nothing; MODELS: expected a value, got nothing"
    )


def damaged(path: Path, why: str) -> str:
    return (
        f"MODELS: expected the models that are baked into the bundle, but {path} {why}; "
        "make the bundle again, or set MODELS"
    )


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (None, "cannot be read (No such file or directory)"),
        (b"", "is empty"),
        (b" \n", "is empty"),
        (b"iris\xff", "cannot be read (it is no UTF-8)"),
    ],
)
def test_a_damaged_list_is_told_in_one_line(source: Path, content: bytes | None, why: str) -> None:
    path = source / "registry" / "MODELS"
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    assert refusal(source) == damaged(path, why)
    assert settings(source, MODELS="iris").models == (ModelRef("iris"),)


def test_a_list_that_is_a_folder_is_told(source: Path) -> None:
    path = source / "registry" / "MODELS"
    path.unlink()
    path.mkdir()
    assert refusal(source) == damaged(path, "cannot be read (Is a directory)")


def test_a_list_that_names_no_model_is_refused_as_the_variable_is(source: Path) -> None:
    (source / "registry" / "MODELS").write_text("iris\nwine\n")
    assert refusal(source).startswith("MODELS: expected 1 to 63 letters")


def test_looking_for_baked_models_imports_nothing_that_main_does_not(tmp_path: Path) -> None:
    program = (
        "import __future__, collections.abc, pathlib, sys, typing; before = set(sys.modules)\n"
    )
    program += "import tflite_serving.artifacts.baked; print(*sorted(set(sys.modules) - before))"
    process = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": str(FUNCTIONS)},
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
    )
    rooms = ["tflite_serving", "tflite_serving.artifacts"]
    modules = ["tflite_serving.artifacts.baked", "tflite_serving.errors"]
    assert process.stdout.split() == rooms + modules
