"""Where an example's function runs, and single questions to it."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
import requests
from rich.console import Console

from model_export import local_function


@contextmanager
def serving(name: str, folder: Path, console: Console) -> Iterator[str]:
    """The URL of a function, on a free port, for as long as the block runs.

    Args:
        name: of the model.
        folder: with the registry; the log goes there.
        console: told of it.

    Raises:
        RegistryError: it does not start.
    """
    log = folder / "function.log"
    with local_function(str(folder / "registry"), name, log) as url:
        console.print(f"functions-framework answers on {url}, logs to {os.path.relpath(log)}")
        yield url
    console.print("stopped")


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
