"""The time between SIGTERM and the platform's kill, which comes ten seconds later.

A request that still waits five seconds after the signal is refused, so that its client gets an
answer. Whatever keeps the process for longer is left behind: a thread that computes cannot be
ended, and a process that is killed counts as one that failed.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from types import FrameType

GIVE_UP_SECONDS = 5.0
EXIT_SECONDS = 8.0


def watch(give_up: Callable[[], object]) -> bool:
    """Calls `give_up` five seconds after SIGTERM, and ends the process if it is there after all.

    Args:
        give_up: is called in a thread of its own.

    Returns:
        whether it is watched for: only a main thread can, and only where a server does as well.
    """
    handler = signal.getsignal(signal.SIGTERM)
    if threading.current_thread() is not threading.main_thread() or not callable(handler):
        return False
    # A handler interrupts the main thread wherever it is, even where it starts a thread and holds
    # the lock for that: so the thread is there before, and is only let go.
    signalled = threading.Lock()
    signalled.acquire()

    def stop(number: int, frame: FrameType | None) -> None:
        if signalled.locked():
            signalled.release()
        handler(number, frame)

    def end() -> None:
        signalled.acquire()
        _later(EXIT_SECONDS, lambda: os._exit(0))
        _later(GIVE_UP_SECONDS, give_up)

    threading.Thread(target=end, daemon=True).start()
    signal.signal(signal.SIGTERM, stop)
    return True


def _later(seconds: float, call: Callable[[], object]) -> None:
    timer = threading.Timer(seconds, call)
    timer.daemon = True
    timer.start()
