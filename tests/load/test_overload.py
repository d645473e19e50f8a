"""Too much at once: who is refused, when, and that all is well again afterwards."""

from __future__ import annotations

import json
import select
import time
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest
import requests

from tests.load.conftest import Start
from tests.support.models.tiny import scores
from tests.support.network.raw_http import Answer, RawConnection, head, post
from tests.support.server.holding import HELD_MAIN, MARK, Hold, holding
from tests.support.server.serving import Function

ROW = [0.25, 0.5, 0.75, 1.0]
HELD_ROW = [MARK, 0.0, 0.0, 0.0]
GOOD = json.dumps({"instances": [ROW]}).encode()
HELD = json.dumps({"instances": [HELD_ROW]}).encode()
SOON = 5.0
"""Seconds; much less than what is held, and much more than an answer takes."""


def ask(function: Function, body: bytes) -> requests.Response:
    return function.post("/predict", body)


def held(function: Function, hold: Hold, clients: ThreadPoolExecutor) -> Future[requests.Response]:
    """A request that is being computed, until the hold is released."""
    answer = clients.submit(ask, function, HELD)
    hold.wait()
    return answer


def assert_answers(response: requests.Response, row: list[float]) -> None:
    assert response.status_code == 200
    (prediction,) = response.json()["predictions"]
    expected = scores([row])[0].tolist()
    assert list(prediction["scores"].values()) == pytest.approx(expected, abs=1e-6)


def is_full(function: Function) -> bool:
    """Whether the next prediction would be refused; asks before it sends a body."""
    with RawConnection(function.url) as connection:
        answer = connection.send(post(b"", "Expect: 100-continue", length=10)).answer()
    assert answer.status in (100, 503)
    return answer.status == 503


def wait_until_full(function: Function, *, full: bool = True) -> None:
    end = time.monotonic() + SOON
    while is_full(function) is not full:
        assert time.monotonic() < end


def assert_overloaded(answer: Answer) -> None:
    assert answer.status == 503
    assert answer.json()["code"] == "overloaded"
    assert int(answer.headers["retry-after"]) > 0


def test_beyond_the_limit_a_request_is_refused_at_once_before_its_body_is_sent(
    slow: Path, start: Start
) -> None:
    with (
        holding() as hold,
        start(slow, source=HELD_MAIN, MAX_IN_FLIGHT="2", INTERPRETERS="2", **hold.environment) as f,
        ThreadPoolExecutor(2) as clients,
        RawConnection(f.url) as early,
    ):
        assert f.get("/v2/health/ready").status_code == 200
        # Half of its body is there before the others come: that keeps no place for it.
        early.send(post(GOOD, length=len(GOOD))[:-5])
        answers = [held(f, hold, clients) for _ in range(2)]
        with RawConnection(f.url) as third:
            began = time.monotonic()
            answer = third.send(post(b"", length=1000)).answer()
            assert time.monotonic() - began < SOON
            assert_overloaded(answer)
            # A body that is small is discarded when it comes; what follows it is a request.
            assert not answer.closes
            third.send(b" " * 1000 + head("GET /v2/health/live"))
            assert third.answer().status == 200
        with RawConnection(f.url) as large:
            answer = large.send(post(b"", length=1_000_000)).answer()
            assert_overloaded(answer)
            assert answer.closes
        assert_overloaded(early.send(GOOD[-5:]).answer())
        # Whoever asks for no prediction is answered nevertheless.
        for path in ("/", "/v2/health/live", "/v2/health/ready", "/v1/models/iris"):
            assert f.get(path).status_code == 200
        hold.release()
        for future in answers:
            assert_answers(future.result(), HELD_ROW)
        wait_until_full(f, full=False)
        for _ in range(5):
            assert_answers(ask(f, GOOD), ROW)


def test_many_more_than_the_limit_are_either_answered_rightly_or_refused(
    slow: Path, start: Start
) -> None:
    with start(slow, MAX_IN_FLIGHT="2", INTERPRETERS="1") as f, ThreadPoolExecutor(16) as clients:
        assert f.get("/v2/health/ready").status_code == 200
        body = json.dumps({"instances": [ROW] * 1000}).encode()
        answers = list(clients.map(lambda _: ask(f, body), range(80)))
        assert {answer.status_code for answer in answers} == {200, 503}
        for answer in answers:
            if answer.status_code == 503:
                assert answer.json()["code"] == "overloaded"
            else:
                assert len(answer.json()["predictions"]) == 1000
        assert_answers(ask(f, GOOD), ROW)


def test_who_waits_beyond_the_deadline_is_told_so(slow: Path, start: Start) -> None:
    with (
        holding() as hold,
        start(
            slow,
            source=HELD_MAIN,
            INTERPRETERS="1",
            MAX_IN_FLIGHT="5",
            REQUEST_TIMEOUT_SECONDS="0.5",
            **hold.environment,
        ) as f,
        ThreadPoolExecutor(5) as clients,
    ):
        wait_until_ready(f)
        first = held(f, hold, clients)
        # One of them waits for the interpreter, the others for a turn.
        for response in clients.map(lambda _: ask(f, GOOD), range(4)):
            assert response.status_code == 504
            assert response.json()["code"] == "deadline_exceeded"
        hold.release()
        assert_answers(first.result(), HELD_ROW)
        assert_answers(ask(f, GOOD), ROW)
        assert not is_full(f)


def wait_until_ready(function: Function) -> None:
    """The first load may take longer than a short deadline; it goes on, and is done later."""
    end = time.monotonic() + 30
    while function.get("/v2/health/ready").status_code != 200:
        assert time.monotonic() < end


def test_a_client_that_leaves_while_it_waits_frees_its_place_at_once(
    slow: Path, start: Start
) -> None:
    with (
        holding() as hold,
        start(slow, source=HELD_MAIN, INTERPRETERS="1", MAX_IN_FLIGHT="4", **hold.environment) as f,
        ThreadPoolExecutor(1) as clients,
    ):
        assert f.get("/v2/health/ready").status_code == 200
        first = held(f, hold, clients)
        # Of three that wait, one has a thread already and two wait on the event loop.
        waiting = [RawConnection(f.url).send(post(GOOD)) for _ in range(3)]
        wait_until_full(f)
        waiting[0].close()
        waiting[1].reset()
        waiting[2].close()
        wait_until_full(f, full=False)
        with RawConnection(f.url) as one, RawConnection(f.url) as other:
            one.send(post(GOOD))
            other.send(post(GOOD))
            wait_until_full(f)
            hold.release()
            assert (one.answer().status, other.answer().status) == (200, 200)
        assert_answers(first.result(), HELD_ROW)
        wait_until_full(f, full=False)


def test_a_client_that_leaves_while_it_is_computed_for_takes_no_place_afterwards(
    slow: Path, start: Start
) -> None:
    with (
        holding() as hold,
        start(slow, source=HELD_MAIN, INTERPRETERS="1", MAX_IN_FLIGHT="1", **hold.environment) as f,
    ):
        assert f.get("/v2/health/ready").status_code == 200
        with RawConnection(f.url) as connection:
            connection.send(post(HELD))
            hold.wait()
        assert is_full(f)
        hold.release()
        wait_until_full(f, full=False)
        assert_answers(ask(f, GOOD), ROW)


@pytest.mark.parametrize("first", [0, 1])
def test_all_bodies_together_are_bounded(quick: Path, start: Start, first: int) -> None:
    limit = 100_000
    body = b" " * (limit - len(GOOD)) + GOOD
    settings = {"MAX_REQUEST_BYTES": str(limit), "BODY_IDLE_SECONDS": "60"}
    with start(quick, **settings) as f, ExitStack() as stack:
        assert_answers(ask(f, GOOD), ROW)
        uploads = [stack.enter_context(RawConnection(f.url)) for _ in range(5)]
        for upload in uploads:
            upload.send(post(body[:first], length=limit))
        assert_answers(ask(f, GOOD), ROW)  # what was sent until now has come
        for upload in uploads:
            upload.send(body[first:-1000])
        # Four fit; which of the five is one too many, the network decides.
        (refused,), _, _ = select.select(uploads, [], [], SOON)
        assert_overloaded(refused.answer())
        assert refused.ends()
        uploads.remove(refused)
        for upload in uploads:
            assert upload.send(body[-1000:]).answer().status == 200
        assert_answers(ask(f, body), ROW)
