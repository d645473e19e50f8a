"""Candidates that fail where a test wants it: in the real process that runs them."""

from __future__ import annotations

from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from model_export.errors import ConversionError
from model_export.measure.process import Process, Servable, Start

_ABORTS = """
import os
from pathlib import Path
from tflite_serving.runtime.interpreter_pool import InterpreterPool
make = InterpreterPool.__init__
def broken(self, path, *arguments):
    make(self, path, *arguments)
    if (Path(path).parent / "aborts").exists():
        os.abort()
InterpreterPool.__init__ = broken
"""


def abort_when_run(monkeypatch: pytest.MonkeyPatch, folder: Path, *names: str) -> None:
    """The runtime ends itself by SIGABRT when it loads one of these candidates.

    Args:
        monkeypatch: of the test.
        folder: for Python to import a module from, in the candidates' processes.
        names: of the candidates.
    """
    (folder / "sitecustomize.py").write_text(_ABORTS)
    monkeypatch.setenv("PYTHONPATH", str(folder))
    load = Process.load

    def marked(self: Process, servable: Servable, *arguments: Any) -> Start:
        mark = self._path / "aborts"
        mark.unlink(missing_ok=True)
        if servable.name in names:
            mark.touch()
        return load(self, servable, *arguments)

    monkeypatch.setattr(Process, "load", marked)


def abort_when_loaded(monkeypatch: pytest.MonkeyPatch, folder: Path, turn: int) -> None:
    """The runtime ends itself by SIGABRT at one of many loads; arguments as above."""
    abort_when_run(monkeypatch, folder, "this one")
    load, turns = Process.load, count()

    def counted(self: Process, servable: Servable, *arguments: Any) -> Start:
        name = "this one" if next(turns) == turn else servable.name
        return load(self, replace(servable, name=name), *arguments)

    monkeypatch.setattr(Process, "load", counted)


def fail_when_timed(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """A candidate answers, and fails as soon as it is timed."""
    time = Process.time

    def broken(self: Process, *arguments: Any) -> list[float]:
        if self._name == name:
            raise ConversionError(f"{name}: the runtime cannot run it (killed by SIGSEGV): no word")
        return time(self, *arguments)

    monkeypatch.setattr(Process, "time", broken)
