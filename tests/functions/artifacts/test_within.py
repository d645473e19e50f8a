"""An end to calls that have none of their own."""

from __future__ import annotations

import threading

import pytest

from tflite_serving.artifacts.within import within

LONG_SECONDS = 30.0


def test_what_a_call_returns_in_time_is_returned() -> None:
    assert within(LONG_SECONDS, lambda: 7) == 7


def test_what_a_call_raises_is_raised_as_it_is() -> None:
    error = KeyError("here")

    def call() -> None:
        raise error

    with pytest.raises(KeyError) as caught:
        within(LONG_SECONDS, call)
    assert caught.value is error


def test_a_call_that_takes_longer_is_left_to_a_thread_that_does_not_outlive_the_program() -> None:
    release, ended = threading.Event(), threading.Event()
    threads: list[threading.Thread] = []

    def call() -> None:
        threads.append(threading.current_thread())
        release.wait(LONG_SECONDS)
        ended.set()

    with pytest.raises(TimeoutError):
        within(0.01, call)
    assert not ended.is_set()
    release.set()
    assert ended.wait(LONG_SECONDS)
    assert threads[0].daemon
