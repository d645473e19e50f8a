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
    """An error that a retry may avoid, with its description as the message."""


def retry(
    ask: Callable[[], T],
    patience_seconds: float,
    warn: Callable[[TransientError], None] = lambda _: None,
) -> T:
    """Calls `ask` until it no longer raises `TransientError`, and returns its result.

    The delay between tries doubles each time, with up to half of it taken off at random, so that
    clients that failed together do not retry together. The last try is at the time limit.

    Source: https://cloud.google.com/storage/docs/retry-strategy#exponential-backoff

    Args:
        ask: Call to retry.
        patience_seconds: Time limit for retries, from now; a try that has begun by then may still
            finish, within its own deadline.
        warn: Log function for the error of each failed try that is followed by another.

    Raises:
        TransientError: The last try at the time limit failed, too.
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
