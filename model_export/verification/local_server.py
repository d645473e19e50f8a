"""The function under functions-framework, in a process of its own on this machine."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from model_export.errors import RegistryError

_MAIN = Path(__file__).resolve().parent.parent.parent / "functions" / "main.py"
_START_SECONDS, _STOP_SECONDS = 60.0, 30.0


@contextmanager
def local_function(registry: str, model: str, log: Path) -> Iterator[str]:
    """The URL of a function, on a free port of 127.0.0.1, for as long as the block runs.

    Args:
        registry: URI of it.
        model: to serve, as an entry of MODELS: ``name``, ``name@alias`` or ``name@version``.
        log: file that what it writes goes to.

    Raises:
        RegistryError: it does not start; the message has its log.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "functions_framework", "--source", str(_MAIN)]
    command += ["--target", "predict", "--host", "127.0.0.1", "--port", str(port)]
    environment = {"MODEL_REGISTRY": registry, "MODELS": model}
    with log.open("w") as output:
        process = subprocess.Popen(
            command, env=os.environ | environment, stdout=output, stderr=subprocess.STDOUT
        )
    try:
        _wait_until_it_listens(process, port, log)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        try:
            process.wait(timeout=_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


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
