"""Time limit for a call that has no timeout of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

T = TypeVar("T")


def within(seconds: float, call: Callable[[], T]) -> T:
    """What a call returns or raises, if it does so in time.

    Google's libraries limit each wait for bytes, not a whole answer. A call that takes longer goes
    on in a thread of its own, which ends with the program at the latest, and keeps what it has.

    Args:
        seconds: from now.
        call: to run.

    Raises:
        TimeoutError: it has not returned by then.
    """
    future: Future[T] = Future()

    def run() -> None:
        try:
            future.set_result(call())
        except BaseException as error:
            future.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    return future.result(seconds)
