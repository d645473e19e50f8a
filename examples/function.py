"""The function under functions-framework, in a process of its own, and questions to it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
import requests
from rich.console import Console

_MAIN = Path(__file__).resolve().parent.parent / "functions" / "main.py"
_START_SECONDS = 30.0


@contextmanager
def serving(name: str, folder: Path, console: Console) -> Iterator[str]:
    """The URL of a function, on a free port, for as long as the block runs.

    Args:
        name: of the model.
        folder: with the registry; the log goes there.
        console: told of it.

    Raises:
        click.ClickException: it does not start.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "functions_framework", "--source", str(_MAIN)]
    command += ["--target", "predict", "--host", "127.0.0.1", "--port", str(port)]
    environment = {"MODEL_REGISTRY": str(folder / "registry"), "MODELS": name}
    log = folder / "function.log"
    with log.open("w") as output:
        process = subprocess.Popen(
            command, env=os.environ | environment, stdout=output, stderr=subprocess.STDOUT
        )
    try:
        url = f"http://127.0.0.1:{port}"
        _wait_until_it_listens(process, port, log)
        console.print(f"functions-framework answers on {url}, logs to {os.path.relpath(log)}")
        yield url
    finally:
        process.terminate()
        process.wait(timeout=30)
        console.print("stopped")


def _wait_until_it_listens(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.02)
        else:
            return
    raise click.ClickException(f"the function did not start; its log:\n{log.read_text()}")


def predict(session: requests.Session, url: str, instance: Any) -> tuple[dict[str, Any], float]:
    """Asks about one instance.

    Args:
        session: whose connection is used again.
        url: of the function.
        instance: as it stands in JSON.

    Returns:
        the prediction, and how many milliseconds it took.

    Raises:
        click.ClickException: the function refused.
    """
    began = time.perf_counter()
    response = session.post(f"{url}/predict", json={"instances": [instance]}, timeout=60)
    milliseconds = (time.perf_counter() - began) * 1000
    if response.status_code != 200:
        raise click.ClickException(f"{response.status_code}: {response.text}")
    answer: dict[str, Any] = response.json()["predictions"][0]
    return answer, milliseconds
