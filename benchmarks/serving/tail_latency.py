"""Latency when requests arrive at half the rate that a server can bear, come what may."""

from __future__ import annotations

from benchmarks.serving.closed_loop import LoadFailed, closed_loop
from benchmarks.serving.models import Model
from benchmarks.serving.open_loop import open_loop, prepare
from benchmarks.serving.run import Run
from benchmarks.serving.subjects import Subject

CASE = "digits, half of saturation"
_MOST_ROUNDS, _SLOW_ROUNDS = 3, 1
_SATURATING = 32
_FRACTION = 0.5
_SECONDS_PER_LOAD = 2
"""The tail needs more requests than a mean."""


def run(run: Run) -> None:
    """Finds each subject's saturation, and in the same process its latency at half of it."""
    try:
        prepare()
    except LoadFailed as missing:
        run.notes.append(str(missing))
        return
    model = run.model("digits")
    turns = [
        subject
        for turn in range(min(run.rounds, _MOST_ROUNDS))
        for subject in run.subjects
        if turn < _SLOW_ROUNDS or not subject.is_slow
    ]
    with run.progress.step("open loop") as step:
        for done, subject in enumerate(turns):
            step.advance(done / len(turns))
            if not run.gave_up(CASE, subject.key):
                with run.turn(CASE, subject.key, subject.title):
                    _load(run, subject, model)


def _load(run: Run, subject: Subject, model: Model) -> None:
    with run.warm(subject, model) as (server, question):
        url = server.url(question)
        saturation = closed_loop(url, question, _SATURATING, run.seconds).per_second
        rate = saturation * _FRACTION
        load = open_loop(url, question, rate, run.seconds * _SECONDS_PER_LOAD)
        run.add(
            CASE,
            subject.key,
            saturation=saturation,
            per_second=load.per_second,
            p50_ms=load.p50_ms,
            p99_ms=load.p99_ms,
            tail=load.p99_ms / load.p50_ms,
        )
