"""What one connection can make the function hold while it answers: less than it is given."""

from __future__ import annotations

import json
import resource
import select
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.compression.memory import take_peak_mib
from benchmarks.soak.memory import worker
from tests.load.conftest import Start
from tests.support.network.raw_http import RawConnection, head, post
from tests.support.server.holding import HELD_MAIN, MARK, Hold, holding
from tests.support.server.serving import Function

HELD = json.dumps({"instances": [[MARK, 0.0, 0.0, 0.0]]}).encode()
GIVEN = 512 * 2**20
MOST_MIB = 64
"""By which the function may grow for one connection."""
STUCK_SECONDS = 0.3
ENDLESS = {
    "one header": (head("GET /")[:-2] + b"X: ", b"x" * 2**20),
    "many headers": (head("GET /")[:-2], b"X: y\r\n" * 2**17),
    "a target": (b"GET /", b"x" * 2**20),
    "requests": (b"", head("GET /") * 2**15),
    "a body": (post(b"", length=2**40), b"x" * 2**20),
    "chunks": (
        head("POST /predict", "Content-Type: application/json", "Transfer-Encoding: chunked"),
        b"40\r\n%b\r\n" % (b"x" * 64) * 2**14,
    ),
    "trailers": (
        head("POST /predict", "Content-Type: application/json", "Transfer-Encoding: chunked")
        + b"0\r\n",
        b"X: y\r\n" * 2**17,
    ),
    "no HTTP": (b"", b"\x00" * 2**20),
}


@pytest.fixture(scope="module")
def hold() -> Iterator[Hold]:
    with holding() as made:
        yield made


@pytest.fixture(scope="module")
def function(slow: Path, start: Start, hold: Hold) -> Iterator[Function]:
    settings = {"INTERPRETERS": "1", "MAX_REQUEST_BYTES": str(2**22), **hold.environment}
    with start(slow, source=HELD_MAIN, **settings) as started:
        assert started.get("/v2/health/ready").status_code == 200
        resource.prlimit(worker(started.process.pid), resource.RLIMIT_DATA, (GIVEN, GIVEN))
        yield started


@pytest.mark.parametrize("is_in_work", [False, True], ids=["first", "behind"])
@pytest.mark.parametrize("kind", ENDLESS)
def test_what_comes_without_end_is_not_held(
    function: Function, hold: Hold, kind: str, *, is_in_work: bool
) -> None:
    pid = worker(function.process.pid)
    take_peak_mib(pid)
    before = take_peak_mib(pid)
    with RawConnection(function.url) as connection:
        if is_in_work:
            connection.send(post(HELD))
            hold.wait()
        stream(connection, *ENDLESS[kind])
        if is_in_work:
            hold.release()
            assert connection.answer().status == 200
    assert function.get("/v2/health/live").status_code == 200
    assert worker(function.process.pid) == pid
    assert take_peak_mib(pid) - before < MOST_MIB


def stream(connection: RawConnection, begin: bytes, again: bytes) -> None:
    """Sends without end: until nobody takes it any more, or four times what the function has."""
    connection.send(begin)
    sent = 0
    while sent < 4 * GIVEN:
        if not select.select([], [connection], [], STUCK_SECONDS)[1]:
            return
        piece = connection.send_some(again)
        if piece == 0:
            return
        sent += piece
