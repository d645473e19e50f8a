from __future__ import annotations

import itertools
from types import SimpleNamespace

import pytest

from tests.support.server.held_registry import Clock
from tflite_serving.artifacts.retrying import TransientError, retry


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long was waited each time, on a clock that nothing else moves."""
    clock, made = Clock(), []

    def sleep(seconds: float) -> None:
        made.append(seconds)
        clock.now += seconds

    time = SimpleNamespace(monotonic=clock, sleep=sleep)
    monkeypatch.setattr("tflite_serving.artifacts.retrying.time", time)
    return made


def fails(times: int) -> itertools.count[int]:
    return itertools.count(-times)


def ask(numbers: itertools.count[int]) -> int:
    number = next(numbers)
    if number < 0:
        raise TransientError(str(number))
    return number


def test_what_succeeds_is_asked_once(pauses: list[float]) -> None:
    numbers = fails(0)
    assert retry(lambda: ask(numbers), 10) == 0
    assert pauses == []


def test_pauses_double_and_are_spread(pauses: list[float]) -> None:
    numbers = fails(8)
    assert retry(lambda: ask(numbers), 1000) == 0
    longest = [0.25, 0.5, 1, 2, 4, 8, 8, 8]
    assert all(most / 2 <= pause <= most for pause, most in zip(pauses, longest, strict=True))
    assert len({pause / most for pause, most in zip(pauses, longest, strict=True)}) > 1


def test_the_last_try_is_at_the_end_of_the_patience(pauses: list[float]) -> None:
    numbers = fails(1000)
    with pytest.raises(TransientError):
        retry(lambda: ask(numbers), 5)
    assert sum(pauses) == pytest.approx(5)


def test_no_patience_is_one_try(pauses: list[float]) -> None:
    with pytest.raises(TransientError, match="-1"):
        retry(lambda: ask(fails(1)), 0)
    assert pauses == []


def test_what_will_not_pass_is_not_asked_again(pauses: list[float]) -> None:
    with pytest.raises(ZeroDivisionError):
        retry(lambda: 1 / 0, 10)
    assert pauses == []
