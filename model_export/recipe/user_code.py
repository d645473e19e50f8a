"""Imports the functions and classes that a recipe names, and describes their errors."""

from __future__ import annotations

import importlib
import sys
import traceback
from difflib import get_close_matches
from pathlib import Path
from types import ModuleType
from typing import Any

from model_export.errors import UsageError


def import_object(reference: str, folder: Path) -> Any:
    """What ``package.module:name`` means, looked up in the recipe's folder first.

    Raises:
        UsageError: there is no such module or name.
    """
    module_name, _, name = reference.partition(":")
    parts = [*module_name.split("."), name]
    if module_name.endswith(".py") or not all(part.isidentifier() for part in parts):
        without = "; leave out .py" if module_name.endswith(".py") else ""
        raise UsageError(f"{reference}: expected package.module:name{without}")
    module = _import_module(module_name, reference, folder)
    if not hasattr(module, name):
        where = getattr(module, "__file__", None) or module_name
        near = get_close_matches(name, vars(module), n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise UsageError(f"{reference}: {where} has no {name!r}{hint}")
    return getattr(module, name)


def _import_module(name: str, reference: str, folder: Path) -> ModuleType:
    _forget_namesake(name.partition(".")[0], folder)
    path = list(sys.path)
    sys.path.insert(0, str(folder))
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        raise UsageError(
            f"{reference}: {error}; looked in {folder} and among the installed packages"
        ) from None
    except Exception as error:
        # It is the user's own code, which may raise anything.
        raise UsageError(
            f"{reference}: the module cannot be imported: {describe_error(error)}"
        ) from error
    finally:
        sys.path[:] = path


def _forget_namesake(package: str, folder: Path) -> None:
    """Forgets a module of another folder that hides the one of the same name in this folder."""
    loaded = None if package in sys.stdlib_module_names else sys.modules.get(package)
    wanted = [folder / f"{package}.py", folder / package / "__init__.py"]
    here = next((path for path in wanted if path.is_file()), None)
    if loaded is None or here is None:
        return
    file = getattr(loaded, "__file__", None)
    if file is None or here.resolve() != Path(file).resolve():  # which may be gone
        for module in [m for m in sys.modules if m == package or m.startswith(f"{package}.")]:
            del sys.modules[module]
    importlib.invalidate_caches()


def describe_error(error: Exception) -> str:
    """What the user's code raised, and the last line of it that it came through."""
    # The first frame is that of our own call.
    frames = traceback.extract_tb(error.__traceback__)[1:]
    where = f" ({frames[-1].filename}, line {frames[-1].lineno})" if frames else ""
    return f"{type(error).__name__}: {error}{where}"
