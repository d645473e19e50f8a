"""Python's standard library as data: whatever machine runs an example has its sources.

Which modules and sentences there are depends on the version of Python, and on nothing else.
"""

from __future__ import annotations

import ast
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

# Distributors pack these apart, or newer versions have moved them.
_APART = frozenset(
    {"distutils", "ensurepip", "idlelib", "lib2to3", "tkinter", "turtle", "turtledemo"}
)
_TESTS = frozenset({"test", "tests"})


def modules(names: frozenset[str] = sys.stdlib_module_names) -> Iterator[tuple[str, ast.Module]]:
    """The parsed source files, each with the top package that it belongs to, in one order.

    Parsing all of them takes seconds, and keeping them much memory: keep what you make of each.

    Args:
        names: of the packages that are wanted.
    """
    root = Path(sysconfig.get_path("stdlib"))
    for path in sorted(path.relative_to(root).as_posix() for path in root.rglob("*.py")):
        parts = path.removesuffix(".py").split("/")
        if parts[0] in names - _APART and not _TESTS.intersection(parts):
            yield parts[0], ast.parse((root / path).read_bytes())
