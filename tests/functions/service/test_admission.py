"""How much is taken on at once."""

from __future__ import annotations

import threading

import pytest

from tflite_serving.errors import Overloaded
from tflite_serving.service.admission import Admission


def test_places_are_given_until_there_are_none_and_again_when_one_is_back() -> None:
    admission = Admission(2, 1000)
    admission.enter(1)
    admission.enter(1)
    assert admission.is_full
    with pytest.raises(Overloaded, match=r"^2 requests are in work already; try again$") as caught:
        admission.enter(1)
    assert caught.value.headers == {"Retry-After": "1"}
    admission.leave(1, in_flight=True)
    admission.enter(1)


def test_a_refusal_takes_neither_place_nor_room() -> None:
    admission = Admission(1, 10)
    admission.hold(10)
    with pytest.raises(Overloaded, match="exceed 10 bytes"):
        admission.enter(1)
    assert not admission.is_full
    admission.leave(10, in_flight=False)
    admission.enter(10)


def test_threads_never_take_more_places_than_there_are() -> None:
    admission = Admission(3, 10**9)
    inside, most, refused = 0, 0, 0
    lock = threading.Lock()

    def work() -> None:
        nonlocal inside, most, refused
        for _ in range(500):
            try:
                admission.enter(1)
            except Overloaded:
                refused += 1
                continue
            with lock:
                inside += 1
                most = max(most, inside)
            with lock:
                inside -= 1
            admission.leave(1, in_flight=True)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert 1 <= most <= 3
    admission.enter(10**9)  # everything came back
