"""Ports of this machine, for servers that tests start."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Callable

_POLL_SECONDS = 0.02


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_until_it_listens(
    process: subprocess.Popen[bytes], port: int, output: Callable[[], str], seconds: float = 30.0
) -> None:
    """Waits for a server that was started.

    Args:
        process: of the server.
        port: of 127.0.0.1, that it will listen on.
        output: what it has written, for the failure.
        seconds: how long it may take.

    Raises:
        AssertionError: it ended, or does not listen in time.
    """
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(_POLL_SECONDS)
        else:
            return
    raise AssertionError(f"{process.args!r}: it does not listen:\n{output()}")
