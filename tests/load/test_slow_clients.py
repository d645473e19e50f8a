"""Clients that send nothing, or little by little, or leave: they cost nobody else anything."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from tests.load.conftest import Start
from tests.support.network.raw_http import RawConnection, post
from tests.support.server.serving import Function

ROW = [0.25, 0.5, 0.75, 1.0]
GOOD = json.dumps({"instances": [ROW]}).encode()
IDLE_SECONDS = 1.0
SOON = 0.5
"""Seconds; less than the server waits for a slow client."""


def ask(function: Function) -> int:
    return function.post("/predict", GOOD).status_code


@pytest.mark.parametrize("kind", ["quick", "slow"])
def test_clients_that_send_no_body_take_no_place_and_are_given_up(
    request: pytest.FixtureRequest, start: Start, kind: str
) -> None:
    registry = request.getfixturevalue(kind)
    with start(registry, MAX_IN_FLIGHT="1", BODY_IDLE_SECONDS=str(IDLE_SECONDS)) as f:
        assert ask(f) == 200
        began = time.monotonic()
        silent = [RawConnection(f.url).send(post(b"", length=1000)) for _ in range(100)]
        dribbling = [RawConnection(f.url).send(post(b"{", length=1000)) for _ in range(100)]
        for _ in range(20):
            asked = time.monotonic()
            assert ask(f) == 200
            assert time.monotonic() - asked < SOON
        for connection in (*silent, *dribbling):
            answer = connection.answer()
            assert (answer.status, answer.json()["code"]) == (408, "request_timeout")
            assert answer.closes
            assert connection.ends()
            connection.close()
        assert IDLE_SECONDS < time.monotonic() - began < 10 * IDLE_SECONDS
        assert ask(f) == 200


@pytest.mark.parametrize("idle_seconds", [0.3, IDLE_SECONDS])
def test_a_body_may_take_longer_than_the_longest_pause(
    quick: Path, start: Start, idle_seconds: float
) -> None:
    with start(quick, BODY_IDLE_SECONDS=str(idle_seconds)) as f, RawConnection(f.url) as slow:
        assert ask(f) == 200
        began = time.monotonic()
        slow.send(post(b"", length=len(GOOD)))
        for byte in GOOD[:-1]:
            # The pause is what is tested; it is much shorter than the longest that is allowed.
            time.sleep(1.5 * idle_seconds / len(GOOD))
            slow.send(bytes([byte]))
        answer = slow.send(GOOD[-1:]).answer()
        assert time.monotonic() - began > idle_seconds
        assert answer.status == 200


def test_a_body_that_never_pauses_is_given_up_at_the_deadline(quick: Path, start: Start) -> None:
    with start(quick, REQUEST_TIMEOUT_SECONDS="0.7") as f, RawConnection(f.url) as slow:
        # The first load may take longer than this deadline.
        while ask(f) != 200:
            pass
        slow.send(post(b"", length=1000))
        began = time.monotonic()
        while slow.is_silent():
            assert time.monotonic() - began < 10
            slow.send(b" ")
            time.sleep(0.05)  # as above
        answer = slow.answer()
        assert (answer.status, answer.json()["code"]) == (408, "request_timeout")
        assert slow.ends()


def test_clients_that_leave_within_a_body_leave_nothing_behind(quick: Path, start: Start) -> None:
    limit = 10_000
    settings = {"MAX_IN_FLIGHT": "1", "MAX_REQUEST_BYTES": str(limit), "BODY_IDLE_SECONDS": "60"}
    with start(quick, **settings) as f:
        assert ask(f) == 200
        # Together they sent more than what may be held at once.
        for turn in range(20):
            connection = RawConnection(f.url).send(post(b" " * (limit - 10), length=limit))
            if turn % 2:
                connection.reset()
            else:
                connection.close()
            assert ask(f) == 200
        lines = [line["code"] for line in f.log() if line.get("code")]
        assert set(lines) == {"client_disconnected"}


def test_a_client_that_does_not_read_its_answers_keeps_nobody_waiting(
    quick: Path, start: Start
) -> None:
    body = json.dumps({"instances": [ROW] * 1000}).encode()
    with start(quick, MAX_IN_FLIGHT="1") as f, RawConnection(f.url) as deaf:
        assert ask(f) == 200
        deaf.send(post(body) * 60)  # its answers are more than the sockets' buffers hold
        end = time.monotonic() + 10
        while (status := ask(f)) == 503:  # one of its requests is being computed
            assert time.monotonic() < end
        assert status == 200
        for _ in range(60):
            assert len(deaf.answer().json()["predictions"]) == 1000
