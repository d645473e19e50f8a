"""Retries a call after transient errors, with exponential backoff and a time limit."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
_FIRST_DELAY_SECONDS = 0.25
_LONGEST_DELAY_SECONDS = 8.0


class TransientError(Exception):
    """Something went wrong that another try may spare; the message says what."""


def retry(
    ask: Callable[[], T],
    patience_seconds: float,
    warn: Callable[[TransientError], None] = lambda _: None,
) -> T:
    """What `ask` returns, as soon as it raises `TransientError` no more.

    Between tries it waits twice as long each time, by up to a half less, so that those who failed
    together do not come back together. The last try is when the patience ends.

    Source: https://cloud.google.com/storage/docs/retry-strategy#exponential-backoff

    Args:
        ask: one try.
        patience_seconds: from now; a try that is under way then goes on, as long as its own
            deadline allows.
        warn: is told what went wrong, each time that there will be another try.

    Raises:
        TransientError: it still went wrong when the patience ended.
    """
    deadline = time.monotonic() + patience_seconds
    delay = _FIRST_DELAY_SECONDS
    while True:
        try:
            return ask()
        except TransientError as error:
            left = deadline - time.monotonic()
            if left <= 0:
                raise
            warn(error)
            time.sleep(min(left, delay * random.uniform(0.5, 1)))  # noqa: S311  # spreads tries
            delay = min(2 * delay, _LONGEST_DELAY_SECONDS)
