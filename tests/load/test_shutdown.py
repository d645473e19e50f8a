"""SIGTERM: what is in flight is finished, nothing new begins, and nobody delays the end."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.load.conftest import Start
from tests.support.network.raw_http import Answer, RawConnection, post
from tests.support.server.holding import HELD_MAIN, MARK, holding
from tests.support.server.serving import MAIN, Function

ROW = [0.25, 0.5, 0.75, 1.0]
GOOD = json.dumps({"instances": [ROW]}).encode()
HELD = json.dumps({"instances": [[MARK, 0.0, 0.0, 0.0]]}).encode()
MOST_SECONDS = 9.0
"""From the signal to the end: after ten the platform kills."""
TARGETS = ("predict", "predict_wsgi")


def send_signal(function: Function) -> float:
    """Tells it to end, and waits until it takes no connections any more; when it was told."""
    told = time.monotonic()
    function.process.send_signal(signal.SIGTERM)
    parts = urlsplit(function.url)
    while time.monotonic() - told < MOST_SECONDS:
        try:
            socket.create_connection((parts.hostname or "", parts.port or 0), timeout=1).close()
        except OSError:
            return told
    raise AssertionError("it still takes connections")


def assert_ends_in_time(function: Function, told: float) -> None:
    # A little more, so that the failure says how long it takes.
    assert function.process.wait(timeout=60) == 0
    assert time.monotonic() - told < MOST_SECONDS
    assert "Traceback" not in function.output()


@contextmanager
def dribble(connection: RawConnection, begin: bytes) -> Iterator[None]:
    """Sends a little every now and then, as long as the block runs."""
    over = threading.Event()
    connection.send(begin)

    def go_on() -> None:
        while not over.wait(0.2):
            connection.send(b" ")

    thread = threading.Thread(target=go_on)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


@pytest.mark.parametrize("target", TARGETS)
def test_what_is_in_flight_is_finished(slow: Path, start: Start, target: str) -> None:
    with (
        holding() as hold,
        start(slow, target, source=HELD_MAIN, INTERPRETERS="1", **hold.environment) as f,
        ThreadPoolExecutor(1) as clients,
        RawConnection(f.url) as idle,
        RawConnection(f.url) as waiting,
    ):
        assert idle.send(post(GOOD)).answer().status == 200
        computed = clients.submit(f.post, "/predict", HELD)
        hold.wait()
        waiting.send(post(GOOD))
        assert f.get("/v2/health/live").status_code == 200
        told = send_signal(f)
        assert idle.ends()
        hold.release()
        assert computed.result().status_code == 200
        assert waiting.answer().status == 200
        assert waiting.ends()
        assert_ends_in_time(f, told)


@pytest.mark.parametrize("target", TARGETS)
def test_connections_on_which_nothing_happens_do_not_delay_the_end(
    quick: Path, start: Start, target: str
) -> None:
    with (
        start(quick, target) as f,
        RawConnection(f.url) as fresh,
        RawConnection(f.url) as idle,
    ):
        assert idle.send(post(GOOD)).answer().status == 200
        told = send_signal(f)
        assert_ends_in_time(f, told)
        assert fresh.ends()
        assert idle.ends()


def test_a_body_that_comes_soon_after_the_signal_is_answered(quick: Path, start: Start) -> None:
    with start(quick) as f, RawConnection(f.url) as upload:
        assert f.post("/predict", GOOD).status_code == 200
        upload.send(post(GOOD)[:-5])
        assert f.post("/predict", GOOD).status_code == 200
        told = send_signal(f)
        answer = upload.send(GOOD[-5:]).answer()
        assert answer.status == 200
        assert answer.closes
        assert_ends_in_time(f, told)


@dataclass(frozen=True, slots=True)
class End:
    """How a function ended.

    Attributes:
        exit_code: of the process.
        seconds: from the signal to its end.
        output: what it wrote.
        unfinished: connections on which a body was still coming.
    """

    exit_code: int
    seconds: float
    output: str
    unfinished: tuple[RawConnection, ...]


@pytest.fixture(scope="module")
def end(quick: Path, start: Start) -> Iterator[End]:
    """The end of a function that all kinds of clients would keep from it."""
    with ExitStack() as stack:
        f = stack.enter_context(start(quick, BODY_IDLE_SECONDS="30"))
        assert f.post("/predict", GOOD).status_code == 200
        half, deaf, silent, dribbling = (
            stack.enter_context(RawConnection(f.url)) for _ in range(4)
        )
        half.send(b"POST /predict HTTP/1.1\r\nHost:")
        silent.send(post(b"", length=1000))
        # Its answers are more than the sockets' buffers hold.
        deaf.send(post(json.dumps({"instances": [ROW] * 1000}).encode()) * 100)
        deaf.wait_until_stuck()
        with dribble(dribbling, post(b"{", length=1000)):
            told = send_signal(f)
            exit_code = f.process.wait(timeout=60)
            seconds = time.monotonic() - told
        yield End(exit_code, seconds, f.output(), (silent, dribbling))


def test_clients_that_never_finish_do_not_delay_the_end(end: End) -> None:
    assert end.exit_code == 0
    assert end.seconds < MOST_SECONDS
    assert "Traceback" not in end.output


def test_clients_that_never_finish_are_told_why_they_get_no_answer(end: End) -> None:
    for connection in end.unfinished:
        answer = connection.answer()
        assert answer.status in (408, 503)
        assert answer.closes


@pytest.mark.parametrize("target", TARGETS)
def test_a_second_signal_changes_nothing(slow: Path, start: Start, target: str) -> None:
    with (
        holding() as hold,
        start(slow, target, source=HELD_MAIN, INTERPRETERS="1", **hold.environment) as f,
        ThreadPoolExecutor(1) as clients,
    ):
        assert f.post("/predict", GOOD).status_code == 200
        computed = clients.submit(f.post, "/predict", HELD)
        hold.wait()
        told = send_signal(f)
        f.process.send_signal(signal.SIGTERM)
        hold.release()
        assert computed.result().status_code == 200
        assert_ends_in_time(f, told)


def test_a_new_worker_does_not_swallow_the_signal(quick: Path) -> None:
    """As gunicorn's handler would, which it has from its parent until it has one of its own."""
    script = """
import os, signal, sys
signal.signal(signal.SIGTERM, lambda *_: None)
import main
child = os.fork()
if child == 0:
    os._exit(signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
    environment = {"MODEL_REGISTRY": str(quick), "MODELS": "iris"}
    process = subprocess.run(
        [sys.executable, "-c", script],
        cwd=MAIN.parent,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.returncode == 0, process.stderr


def test_it_ends_at_once_where_nothing_was_asked_yet(quick: Path, start: Start) -> None:
    with start(quick) as f:
        assert_ends_in_time(f, send_signal(f))


@pytest.fixture
def stalled() -> Iterator[dict[str, str]]:
    """Settings of a registry that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        yield {"MODEL_REGISTRY": "gs://silent", "STORAGE_EMULATOR_HOST": address}


@pytest.mark.parametrize("target", TARGETS)
def test_a_request_that_waits_for_a_load_is_refused_in_time(
    quick: Path, stalled: dict[str, str], start: Start, target: str
) -> None:
    with (
        start(quick, target, **stalled) as f,
        RawConnection(f.url) as client,
        RawConnection(f.url) as dribbling,
    ):
        client.send(post(GOOD))
        with dribble(dribbling, post(b"{", length=1000)):
            # Whatever was sent before it is at work when this one is answered.
            assert f.get("/v2/health/live").status_code == 200
            told = send_signal(f)
            for connection in (client, dribbling):
                assert_stopping(connection.answer())
            assert_ends_in_time(f, told)


@pytest.mark.parametrize(
    ("target", "window_ms"), [("predict", "0"), ("predict", "1"), ("predict_wsgi", "0")]
)
def test_a_request_that_waits_for_its_turn_is_refused_in_time(
    slow: Path, start: Start, target: str, window_ms: str
) -> None:
    settings = {"INTERPRETERS": "1", "BATCH_WINDOW_MS": window_ms}
    with (
        holding() as hold,
        start(slow, target, source=HELD_MAIN, **settings, **hold.environment) as f,
        RawConnection(f.url) as computed,
        ExitStack() as stack,
    ):
        assert f.get("/v2/health/ready").status_code == 200
        computed.send(post(HELD))
        hold.wait()
        waiting = [stack.enter_context(RawConnection(f.url)) for _ in range(3)]
        for connection in waiting:
            connection.send(post(GOOD))
        assert f.get("/v2/health/live").status_code == 200
        told = send_signal(f)
        for connection in waiting:
            assert_stopping(connection.answer())
        if target == "predict":
            assert_stopping(computed.answer())
        assert_ends_in_time(f, told)  # although its thread is held to the end


def assert_stopping(answer: Answer) -> None:
    assert (answer.status, answer.json()["code"]) == (503, "stopping")
    assert answer.headers["retry-after"] == "1"
