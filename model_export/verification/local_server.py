"""The function under functions-framework, in a process of its own on this machine."""

from __future__ import annotations

import atexit
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from model_export.errors import RegistryError

_MAIN = Path(__file__).resolve().parent.parent.parent / "functions" / "main.py"
_START_SECONDS, _STOP_SECONDS = 60.0, 30.0


@dataclass(frozen=True, slots=True)
class LocalFunction:
    """The function in a process of its own, until it is stopped or this process ends.

    A context manager, which stops it.

    Attributes:
        url: URL on 127.0.0.1.
        log: File that it writes its log to.
    """

    url: str
    log: Path
    _process: subprocess.Popen[bytes] = field(repr=False)

    @classmethod
    def start(cls, registry: str, model: str, log: Path | None = None) -> LocalFunction:
        """Starts the function on a free port of 127.0.0.1.

        Args:
            registry: URI of the registry.
            model: Model to serve, as an entry of MODELS: ``name``, ``name@alias`` or
                ``name@version``.
            log: File for its log; a temporary one by default.

        Raises:
            RegistryError: it does not start; the message has its log.
        """
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        command = [sys.executable, "-m", "functions_framework", "--source", str(_MAIN)]
        command += ["--target", "predict", "--host", "127.0.0.1", "--port", str(port)]
        environment = {"MODEL_REGISTRY": registry, "MODELS": model}
        log = _temporary_log() if log is None else log
        with log.open("w") as output:
            process = subprocess.Popen(
                command, env=os.environ | environment, stdout=output, stderr=subprocess.STDOUT
            )
        function = cls(f"http://127.0.0.1:{port}", log, process)
        atexit.register(function.stop)
        try:
            _wait_until_it_listens(process, port, log)
        except BaseException:
            function.stop()
            raise
        return function

    def stop(self) -> None:
        """Stops the function; one that has stopped stays so."""
        atexit.unregister(self.stop)
        self._process.terminate()
        try:
            self._process.wait(timeout=_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *reason: object) -> None:
        self.stop()

    def __str__(self) -> str:
        return self.url


@contextmanager
def local_function(registry: str, model: str, log: Path) -> Iterator[str]:
    """The URL of a function, on a free port of 127.0.0.1, for as long as the block runs.

    Args:
        registry, model, log: See `LocalFunction.start`.

    Raises:
        RegistryError: it does not start; the message has its log.
    """
    with LocalFunction.start(registry, model, log) as function:
        yield function.url


def _temporary_log() -> Path:
    descriptor, path = tempfile.mkstemp(prefix="function-", suffix=".log")
    os.close(descriptor)
    return Path(path)


def _wait_until_it_listens(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.02)
        else:
            return
    raise RegistryError(f"the function did not start; its log:\n{log.read_text()}")
