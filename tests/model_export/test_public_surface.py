"""What `model_export` exports: complete, documented, and light to import."""

from __future__ import annotations

import ast
import inspect
import os
import pkgutil
import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import model_export
from tests.support.places import ROOT
from tests.support.programs.commands import modules_after

SOURCE = Path(model_export.__file__)


def imported_for_types() -> dict[str, str]:
    """The module of each name that a type checker sees."""
    (block,) = (node for node in ast.parse(SOURCE.read_text()).body if isinstance(node, ast.If))
    return {
        alias.name: str(node.module).removeprefix("model_export.")
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }


def test_a_type_checker_and_python_see_the_same_names() -> None:
    assert imported_for_types() == model_export._MODULES
    assert sorted(model_export.__all__) == sorted(model_export._MODULES)
    assert dir(model_export) == sorted(model_export.__all__)


def test_every_name_is_that_of_its_module() -> None:
    for name, module in model_export._MODULES.items():
        value = getattr(import_module(f"model_export.{module}"), name)
        assert getattr(model_export, name) is value
        assert value.__module__ == f"model_export.{module}", name


def test_every_name_is_documented() -> None:
    assert [n for n in model_export.__all__ if not inspect.getdoc(getattr(model_export, n))] == []


def test_no_name_is_hidden_by_a_module() -> None:
    modules = {module.name for module in pkgutil.iter_modules(model_export.__path__)}
    assert modules & set(model_export.__all__) == set()


def test_every_error_is_public() -> None:
    errors = import_module("model_export.errors")
    own = {name for name, value in vars(errors).items() if getattr(value, "exit_code", None)}
    assert own <= set(model_export.__all__)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'model_export' has no attribute 'exprot'"):
        _ = model_export.exprot


def test_importing_it_imports_nothing_of_it() -> None:
    modules = modules_after("import model_export")
    assert {name for name in modules if name.startswith("model_export.")} == set()
    assert "numpy" not in modules


def test_using_every_name_needs_neither_tensorflow_nor_googles_clients() -> None:
    modules = modules_after("from model_export import *")
    assert not {"tensorflow", "keras", "google.cloud.storage", "google.auth"} & modules


def test_the_linter_refuses_an_import_from_below_the_surface(tmp_path: Path) -> None:
    (tmp_path / "outsider").mkdir()
    (tmp_path / "outsider" / "__init__.py").write_text("")
    (tmp_path / "outsider" / "script.py").write_text(
        "from model_export import export\nfrom model_export.recipe.recipe import Recipe\n"
    )
    text = (ROOT / "pyproject.toml").read_text()
    contract = text[text.index('name = "all but model_export itself') :]
    contract = contract.replace("benchmarks.", "outsider.not_").split("ignore_imports")[0]
    (tmp_path / "linted.toml").write_text(
        '[tool.importlinter]\nroot_packages = ["model_export", "outsider"]\n'
        f"[[tool.importlinter.contracts]]\n{contract}"
    )
    process = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--config", "linted.toml", "--no-cache"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": f"{ROOT}:{ROOT / 'functions'}:{tmp_path}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.returncode == 1, process.stdout + process.stderr
    assert "outsider.script" in process.stdout
    assert "model_export.recipe.recipe" in process.stdout


def test_the_page_on_notebooks_has_every_argument_and_result() -> None:
    page = (ROOT / "docs" / "12-notebook.md").read_text()
    first_cells = re.findall(r"^\| ([^|]*`[^|]*) \|", page, flags=re.MULTILINE)
    named = {name for cell in first_cells for name in re.findall(r"`(\w+)(?:\(\))?`", cell)}
    arguments = set(inspect.signature(model_export.export).parameters)
    results = {name for name in dir(model_export.ExportResult) if not name.startswith("_")}
    assert named == (arguments - {"recipe", "command", "unknown"}) | results
