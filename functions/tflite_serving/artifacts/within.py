"""Time limit for a call that has no timeout of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

T = TypeVar("T")


def within(seconds: float, call: Callable[[], T]) -> T:
    """Result of a call, with a time limit.

    Google's libraries have timeouts for single reads, not for a whole response. A call that takes
    longer continues in a daemon thread, which ends with the process at the latest.

    Args:
        seconds: Time limit, from now.
        call: Call to run.

    Raises:
        TimeoutError: The call has not returned within the time limit.
    """
    future: Future[T] = Future()

    def run() -> None:
        try:
            future.set_result(call())
        except BaseException as error:
            future.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    return future.result(seconds)
