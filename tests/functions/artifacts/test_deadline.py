"""The time that an answer of a registry may take, piece by piece."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from tests.support.server.held_registry import Clock
from tflite_serving.artifacts.deadline import Deadline, TimedResponse, TooSlowError

SILENCE_SECONDS, PIECE_SECONDS = 3.0, 10.0


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def deadline(clock: Clock) -> Deadline:
    return Deadline(SILENCE_SECONDS, PIECE_SECONDS, clock)


def test_the_next_byte_may_take_the_silence_or_what_is_left_of_the_piece(
    deadline: Deadline, clock: Clock
) -> None:
    assert deadline.wait_seconds() == SILENCE_SECONDS
    clock.now += 8
    assert deadline.wait_seconds() == 2


def test_bytes_do_not_extend_a_piece_and_are_counted(deadline: Deadline, clock: Clock) -> None:
    deadline.count(5)
    deadline.count(7)
    clock.now += PIECE_SECONDS
    with pytest.raises(TooSlowError, match=r"^too slow: 12 bytes within 10 s$"):
        deadline.wait_seconds()


def test_each_further_piece_has_its_own_time_and_count(deadline: Deadline, clock: Clock) -> None:
    deadline.count(5)
    clock.now += 9
    deadline.extend()
    clock.now += 9
    assert deadline.wait_seconds() == 1
    deadline.count(2)
    clock.now += 1
    with pytest.raises(TooSlowError, match="2 bytes"):
        deadline.wait_seconds()


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


def test_a_response_in_time_is_read_whole(
    ends: tuple[socket.socket, socket.socket], deadline: Deadline
) -> None:
    ours, theirs = ends
    theirs.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nwhole")
    with TimedResponse(deadline, ours) as response:
        response.begin()
        assert (response.status, response.read()) == (200, b"whole")


@pytest.mark.parametrize("start", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nwh"])
def test_a_response_is_given_up_once_the_moment_has_passed(
    start: bytes, ends: tuple[socket.socket, socket.socket], deadline: Deadline, clock: Clock
) -> None:
    ours, theirs = ends
    theirs.sendall(start)
    with TimedResponse(deadline, ours) as response:
        if start:
            response.begin()
            assert response.read(2) == b"wh"
        clock.now += PIECE_SECONDS
        with pytest.raises(TooSlowError, match=rf"{len(start)} bytes within 10 s"):
            response.read() if start else response.begin()


def test_a_silence_is_no_deadline(ends: tuple[socket.socket, socket.socket], clock: Clock) -> None:
    ours, _ = ends
    with TimedResponse(Deadline(0.01, PIECE_SECONDS, clock), ours) as response:
        with pytest.raises(TimeoutError) as caught:
            response.begin()
        assert not isinstance(caught.value, TooSlowError)
