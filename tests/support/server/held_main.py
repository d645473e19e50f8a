"""The function's entry points over interpreters that a test can hold while they compute.

A run whose first value is HOLD_VALUE connects to HOLD_PORT, and goes on when the connection ends.
"""

from __future__ import annotations

import importlib.util
import os
import socket
import sys
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

_FUNCTIONS = Path(__file__).resolve().parents[3] / "functions"
sys.path.append(str(_FUNCTIONS))

from tflite_serving.runtime import interpreter_pool  # noqa: E402  # found by the line above

_PLACE = ("127.0.0.1", int(os.environ["HOLD_PORT"]))
_VALUE = float(os.environ["HOLD_VALUE"])
_import_runtime = interpreter_pool.import_runtime


@cache
def _runtime() -> SimpleNamespace:
    interpreter: Any = _import_runtime().Interpreter

    class Held(interpreter):  # type: ignore[misc]  # LiteRT has no types
        is_held = False

        def set_tensor(self, index: int, values: Any) -> None:
            self.is_held = float(values.flat[0]) == _VALUE
            super().set_tensor(index, values)

        def invoke(self) -> None:
            if self.is_held:
                with socket.create_connection(_PLACE) as connection:
                    connection.recv(1)
            super().invoke()

    return SimpleNamespace(Interpreter=Held)


interpreter_pool.import_runtime = _runtime  # type: ignore[assignment]

_spec = importlib.util.spec_from_file_location("real_main", _FUNCTIONS / "main.py")
assert _spec is not None
assert _spec.loader is not None
_main = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_main)

predict, predict_wsgi = _main.predict, _main.predict_wsgi
