"""A server under test: started, asked until it is right, and ended with all its processes."""

from __future__ import annotations

import http.client
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from benchmarks.serving import processes
from benchmarks.serving.environments import WORK
from benchmarks.serving.ports import free_port
from benchmarks.serving.questions import Question
from benchmarks.serving.subjects import Start

_START_SECONDS = 120.0
_POLL_SECONDS = 0.002
_END_SECONDS = 10.0
# What belongs to this process's own environment, and would leak into that of a peer. Without
# bytecode each start would compile the subject's own modules, which a deployment does once.
_PRIVATE = ("PYTHONPATH", "PYTHONDONTWRITEBYTECODE", "VIRTUAL_ENV", "MODEL_REGISTRY", "MODELS")


class SubjectFailed(Exception):
    """A server did not start, or its answer is wrong; the message says which and what it said."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back.

    Attributes:
        status: of HTTP.
        headers: of the response; names in lower case.
        body: all of it.
        seconds: from before the request was sent to after the answer was read.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    seconds: float


@dataclass(frozen=True, slots=True)
class Server:
    """A server that runs.

    Attributes:
        pid: of the process that was started, the root of its tree.
        port: of 127.0.0.1.
        log: what it wrote.
        poll: its exit code, None while it runs.
        started: `time.perf_counter` just before it was started.
    """

    process: subprocess.Popen[bytes]
    port: int
    log: Path
    started: float

    @property
    def pid(self) -> int:
        """Of the process that was started, the root of its tree."""
        return self.process.pid

    def url(self, question: Question) -> str:
        """Where a question goes."""
        return f"http://127.0.0.1:{self.port}{question.path}"

    def connect(self) -> http.client.HTTPConnection:
        """A connection that stays open from question to question."""
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=_START_SECONDS)

    def cold_start(self, question: Question) -> float:
        """Asks until it answers, and tells the seconds from its start to the answer's last byte.

        Raises:
            SubjectFailed: it ended, takes too long, or the answer is wrong.
        """
        while time.perf_counter() < self.started + _START_SECONDS:
            if self.process.poll() is not None:
                raise SubjectFailed(f"ended with {self.process.returncode}:\n{self._last_words()}")
            connection = self.connect()
            try:
                answer = exchange(connection, question)
            except (OSError, http.client.HTTPException):
                time.sleep(_POLL_SECONDS)
                continue
            finally:
                connection.close()
            # Some servers listen before they are ready, and say so.
            if answer.status in (404, 503) and not _is_told(answer):
                time.sleep(_POLL_SECONDS)
                continue
            seconds = time.perf_counter() - self.started
            self.check(question, answer)
            return seconds
        raise SubjectFailed(f"no answer in {_START_SECONDS:g} s:\n{self._last_words()}")

    def check(self, question: Question, answer: Answer) -> None:
        """Raises `SubjectFailed` if an answer is not the reference's."""
        if answer.status != 200:
            said = answer.body[:500].decode(errors="replace")
            raise SubjectFailed(f"answered {answer.status}: {said}\n{self._last_words()}")
        if not question.is_right(answer.body):
            raise SubjectFailed(f"expected class {question.label}, got {answer.body[:500]!r}")

    def _last_words(self) -> str:
        return self.log.read_text(encoding="utf-8", errors="replace")[-2000:]


def exchange(connection: http.client.HTTPConnection, question: Question) -> Answer:
    """Asks once."""
    began = time.perf_counter()
    headers = {"Content-Type": question.content_type}
    connection.request("POST", question.path, question.body, headers)
    response = connection.getresponse()
    body = response.read()
    seconds = time.perf_counter() - began
    found = {name.lower(): value for name, value in response.getheaders()}
    return Answer(response.status, found, body, seconds)


@contextmanager
def running(start: Start, port: int) -> Iterator[Server]:
    """A server, for as long as the block runs; its whole process group ends with it.

    Args:
        start: how.
        port: that `start` was told.
    """
    WORK.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="server-", dir=WORK) as folder:
        log = Path(folder) / "log"
        inherited = {key: value for key, value in os.environ.items() if key not in _PRIVATE}
        environment = {**inherited, "HOME": folder, **start.environment}
        with log.open("wb") as output:
            began = time.perf_counter()
            process = subprocess.Popen(
                start.command,
                cwd=folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            yield Server(process, port, log, began)
        finally:
            _end(process)


@contextmanager
def serving(start: Start, port: int, question: Question) -> Iterator[Server]:
    """As `running`, once it has given its first right answer."""
    with running(start, port) as server:
        server.cold_start(question)
        yield server


def new_port() -> int:
    """For the next server."""
    return free_port()


def _is_told(answer: Answer) -> bool:
    """Whether a server's own JSON says why, and so would say it again."""
    return b'"code"' in answer.body


def _end(process: subprocess.Popen[bytes]) -> None:
    # Some start processes of their own that outlive them.
    members = processes.tree(process.pid)
    for number in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with suppress(subprocess.TimeoutExpired):
            process.wait(_END_SECONDS)
            break
    for member in members[1:]:
        _end_orphan(member, process.pid)


def _end_orphan(pid: int, session: int) -> None:
    with suppress(ProcessLookupError, PermissionError):
        if os.getsid(pid) == session:  # else the number may be somebody else's by now
            os.kill(pid, signal.SIGKILL)
