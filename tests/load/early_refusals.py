"""How many refusals of a body that nobody reads get lost on their way to real clients.

    python -m tests.load.early_refusals [--count 1000] [--target predict] [--sizes 1000 1000000 …]

prints a row for each client and each proxy: lost of how many.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from model_export.registry.open import open_writable
from tests.support.models.tiny import publish_tiny
from tests.support.network.proxies import behind
from tests.support.programs.installed import find_program
from tests.support.programs.tool_environment import tool_environment
from tests.support.server.serving import running

SIZES = (1_000, 1_000_000, 30_000_000)
PROXIES = ("none", "nginx", "caddy")
_HERE = Path(__file__).resolve().parent / "clients"
_VENV = Path(__file__).resolve().parent.parent.parent / "build" / "clients"


def _script(*command: str) -> Callable[[str, int, int], list[int]]:
    def post(url: str, size: int, count: int) -> list[int]:
        process = subprocess.run(
            [*command, url, str(size), str(count)], capture_output=True, text=True, check=False
        )
        assert process.returncode == 0, process.stderr
        statuses: list[int] = json.loads(process.stdout)
        return statuses

    return post


def _node(url: str, size: int, count: int) -> list[int]:
    return _script(find_program("node"), str(_HERE / "node_fetch.mjs"))(url, size, count)


def _aiohttp(url: str, size: int, count: int) -> list[int]:
    programs = tool_environment(_HERE / "requirements.txt", _VENV)
    return _script(str(programs / "python"), str(_HERE / "aiohttp_post.py"))(url, size, count)


def _urllib(url: str, size: int, count: int) -> list[int]:
    return _script(sys.executable, str(_HERE / "urllib_post.py"))(url, size, count)


def _curl(url: str, size: int, count: int) -> list[int]:
    with tempfile.TemporaryDirectory() as folder:
        body, configuration = Path(folder, "body"), Path(folder, "configuration")
        body.write_bytes(b" " * size)
        configuration.write_text(f'url = "{url}"\noutput = "/dev/null"\n' * count)
        process = subprocess.run(
            [
                *(find_program("curl"), "--silent", "--config", str(configuration)),
                *("--data-binary", f"@{body}", "--write-out", "%{http_code} %{exitcode}\n"),
                *("--header", "Content-Type: application/octet-stream"),
            ],
            capture_output=True,
            text=True,
            check=False,
        )
    lines = [line.split() for line in process.stdout.splitlines()]
    return [int(status) if exit_code == "0" else 0 for status, exit_code in lines]


CLIENTS = {"node": _node, "aiohttp": _aiohttp, "urllib": _urllib, "curl": _curl}


def post(client: str, url: str, size: int, count: int) -> list[int]:
    """The statuses of requests that a client makes one after the other; 0 for a lost response.

    Args:
        client: one of `CLIENTS`.
        url: where to.
        size: of each body, in bytes.
        count: of requests.
    """
    return CLIENTS[client](url, size, count)


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line above."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--target", default="predict", choices=["predict", "predict_wsgi"])
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES)
    parser.add_argument("--clients", nargs="+", default=list(CLIENTS), choices=list(CLIENTS))
    parser.add_argument("--proxies", nargs="+", default=list(PROXIES), choices=PROXIES)
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        publish_tiny(open_writable(str(folder / "registry")), folder / "artifact")
        settings = {"MODEL_REGISTRY": str(folder / "registry"), "MODELS": "iris"}
        with running(options.target, settings, folder) as function:
            for proxy in options.proxies:
                with behind(proxy, function.url, folder) as url:
                    for client in options.clients:
                        for size in options.sizes:
                            statuses = post(client, f"{url}/nowhere", size, options.count)
                            lost = options.count - statuses.count(404)
                            row = f"{client:8} {proxy:6} {size:>10} {lost:>5} of {options.count}"
                            sys.stdout.write(f"{row}\n")
                            sys.stdout.flush()


if __name__ == "__main__":
    main()
