"""Graceful shutdown between SIGTERM and the platform's SIGKILL ten seconds later.

A request that still waits five seconds after the signal is refused, so that its client gets an
answer. Whatever keeps the process for longer is left behind: a thread that computes cannot be
ended, and a process that is killed counts as one that failed.
"""

from __future__ import annotations

import os
import signal
import threading
import time
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
    # the lock for that; and an interpreter that ends starts none. So the threads are there before,
    # and are only let go.
    gate = threading.Lock()
    gate.acquire()
    signals = 0

    def stop(number: int, frame: FrameType | None) -> None:
        nonlocal signals
        signals += 1
        if signals == 1:
            gate.release()
        handler(number, frame)

    def later(seconds: float, call: Callable[[], object]) -> None:
        with gate:
            pass
        time.sleep(seconds)
        call()

    for seconds, call in ((EXIT_SECONDS, lambda: os._exit(0)), (GIVE_UP_SECONDS, give_up)):
        threading.Thread(target=later, args=(seconds, call), daemon=True).start()
    signal.signal(signal.SIGTERM, stop)
    return True
