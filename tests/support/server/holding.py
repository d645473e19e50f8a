"""Holds the interpreters of a function that runs `held_main.py`: events instead of slow models."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

HELD_MAIN = Path(__file__).parent / "held_main.py"
MARK = 4096.0
"""A row that begins with it is held."""
_PATIENCE = 30.0


class Hold:
    """What is held at the moment."""

    def __init__(self, listener: socket.socket, value: float) -> None:
        self._listener = listener
        self._held: list[socket.socket] = []
        self._value = value

    @property
    def environment(self) -> dict[str, str]:
        """What `held_main.py` must be told."""
        port = self._listener.getsockname()[1]
        return {"HOLD_PORT": str(port), "HOLD_VALUE": repr(self._value)}

    def wait(self, runs: int = 1) -> None:
        """Until so many more runs are held."""
        for _ in range(runs):
            self._held.append(self._listener.accept()[0])

    def release(self) -> None:
        """Lets those go on that were waited for."""
        while self._held:
            self._held.pop().close()


@contextmanager
def holding(value: float = MARK) -> Iterator[Hold]:
    """Holds runs whose first value is `value`, until the end of the block at most."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listener:
        listener.settimeout(_PATIENCE)
        hold = Hold(listener, value)
        try:
            yield hold
        finally:
            hold.release()
