"""The function as it is deployed: functions-framework in a process of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests

from tests.support.network.ports import free_port, wait_until_it_listens
from tests.support.places import ROOT

MAIN = ROOT / "functions" / "main.py"
_START_SECONDS = 60.0


class Function:
    """A running function.

    Attributes:
        url: where it answers.
        process: the server; its workers are its children.
    """

    def __init__(self, url: str, process: subprocess.Popen[bytes], output: Path) -> None:
        self.url = url
        self.process = process
        self._output = output

    def post(self, path: str, body: Any, **options: Any) -> requests.Response:
        """Sends JSON, or bytes as they are with the type application/json."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        headers = {"Content-Type": "application/json", **options.pop("headers", {})}
        return requests.post(f"{self.url}{path}", data=data, headers=headers, timeout=60, **options)

    def get(self, path: str, **options: Any) -> requests.Response:
        """Asks for a path."""
        return requests.get(f"{self.url}{path}", timeout=60, **options)

    def log(self) -> list[dict[str, Any]]:
        """The JSON lines that it has written so far."""
        lines = self._output.read_text().splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]

    def output(self) -> str:
        """Everything that it has written so far."""
        return self._output.read_text()

    def stop(self) -> int:
        """Ends it as the platform does, and gives its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=60)


@contextmanager
def running(
    target: str,
    environment: Mapping[str, str],
    folder: Path,
    source: Path = MAIN,
    *,
    python: str = sys.executable,
    prefix: Sequence[str] = (),
    inherited: Mapping[str, str] = os.environ,
) -> Iterator[Function]:
    """Starts the function, and stops it at the end of the block.

    Args:
        target: "predict" or "predict_wsgi".
        environment: its settings.
        folder: for what it writes.
        source: its main.py.
        python: what runs it.
        prefix: a command that runs the one behind it.
        inherited: what else is in its environment.
    """
    port = free_port()
    output = folder / f"function-{port}.log"
    command = [*prefix, python, "-m", "functions_framework", "--source", str(source)]
    command += ["--target", target, "--host", "127.0.0.1", "--port", str(port)]
    with output.open("wb") as log:
        process = subprocess.Popen(
            command,
            env={**inherited, **environment},
            stdout=log,
            stderr=subprocess.STDOUT,
            cwd=folder,
        )
    try:
        function = Function(f"http://127.0.0.1:{port}", process, output)
        wait_until_it_listens(process, port, function.output, _START_SECONDS)
        yield function
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait(timeout=60)
