"""Memory after so many requests."""

from __future__ import annotations

import time

from benchmarks.serving.closed_loop import closed_loop
from benchmarks.serving.models import Model
from benchmarks.serving.processes import pss_mib
from benchmarks.serving.run import Run
from benchmarks.serving.subjects import Subject

CASE = "digits"
_REQUESTS, _SLOW_REQUESTS = 10_000, 200
_CONNECTIONS = 8
_MOST_SECONDS = 60


def run(run: Run) -> None:
    """Each subject answers 10,000 requests; memory hardly varies, and once is enough."""
    model = run.model("digits")
    with run.progress.step("memory") as step:
        for done, subject in enumerate(run.subjects):
            step.advance(done / len(run.subjects))
            with run.turn(CASE, subject.key, subject.title):
                _measure(run, subject, model)


def _measure(run: Run, subject: Subject, model: Model) -> None:
    wanted = _SLOW_REQUESTS if subject.is_slow else _REQUESTS
    with run.warm(subject, model) as (server, question):
        asked = 0
        end = time.monotonic() + _MOST_SECONDS
        while asked < wanted and time.monotonic() < end:
            load = closed_loop(server.url(question), question, _CONNECTIONS, run.seconds)
            asked += load.requests
        run.add(CASE, subject.key, pss_mib=pss_mib(server.pid), requests=asked)
