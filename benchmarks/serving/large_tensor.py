"""A tensor of 224×224×3 floats: what the function adds to the time that the model takes."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

from benchmarks.serving.closed_loop import closed_loop
from benchmarks.serving.environments import PEERS, program
from benchmarks.serving.models import Model
from benchmarks.serving.questions import Encoding, Question, ask
from benchmarks.serving.run import Run
from benchmarks.serving.server import Server, SubjectFailed, exchange
from benchmarks.serving.subjects import ASGI, ECHO, FASTAPI, SUBJECTS, SWALLOW, Subject, bare_loop

THROUGHPUT = "mobilenet npy c=4"
BARE_LOOP, JSON_PARSE, SIMDJSON_PARSE = "bare-loop", "json-parse", "simdjson-parse"
ENCODINGS: tuple[Encoding, ...] = ("json", "npy")
_CONNECTIONS, _THREADS = 4, 2
_EXCHANGES, _WARM_UP, _PARSES = 40, 5, 15


def latency_case(encoding: Encoding) -> str:
    """As measurements have it."""
    return f"mobilenet {encoding} c=1"


def run(run: Run) -> None:
    """Each round: the model alone, the function, echoes of the same body, parsers alone."""
    if not run.has(ASGI):
        return
    model = run.model("mobilenet")
    by_key = {subject.key: subject for subject in SUBJECTS}
    turns: list[Callable[[], None]] = [
        partial(_bare_loop, run, model),
        partial(_loaded, run, SWALLOW, model),
        *[partial(_loaded, run, by_key[key], model) for key in (ASGI, FASTAPI) if run.has(key)],
        *[
            partial(_asked, run, subject, model, encoding)
            for encoding in ENCODINGS
            for subject in (by_key[ASGI], SWALLOW, by_key[ECHO])
        ],
        partial(_parse, run, model, JSON_PARSE, "json"),
        partial(_parse, run, model, SIMDJSON_PARSE, "simdjson"),
    ]
    with run.progress.step("large tensor") as step:
        for number in range(run.rounds):
            for place, turn in enumerate(turns):
                step.advance((number * len(turns) + place) / (run.rounds * len(turns)))
                turn()


def _bare_loop(run: Run, model: Model) -> None:
    with run.turn(THROUGHPUT, BARE_LOOP, "bare loop"):
        said = _output(bare_loop(model, _THREADS, run.seconds))
        run.add(THROUGHPUT, BARE_LOOP, per_second=float(said))


def _loaded(run: Run, subject: Subject, model: Model) -> None:
    if run.gave_up(THROUGHPUT, subject.key):
        return
    with (
        run.turn(THROUGHPUT, subject.key, subject.title),
        run.warm(subject, model, "npy") as (server, question),
    ):
        load = closed_loop(server.url(question), question, _CONNECTIONS, run.seconds)
        run.add(
            THROUGHPUT,
            subject.key,
            per_second=load.per_second,
            p50_ms=load.p50_ms,
            p99_ms=load.p99_ms,
        )


def _asked(run: Run, subject: Subject, model: Model, encoding: Encoding) -> None:
    case = latency_case(encoding)
    if run.gave_up(case, subject.key):
        return
    with (
        run.turn(case, subject.key, subject.title),
        run.warm(subject, model, encoding) as (server, question),
    ):
        _ask_one_by_one(run, case, subject, server, question)


def _ask_one_by_one(
    run: Run, case: str, subject: Subject, server: Server, question: Question
) -> None:
    connection = server.connect()
    for number in range(_WARM_UP + _EXCHANGES):
        answer = exchange(connection, question)
        server.check(question, answer)
        stages = read_server_timing(answer.headers.get("server-timing", ""))
        infer = stages.get("infer", 0.0)
        if number < _WARM_UP:
            continue
        run.add(case, subject.key, outside_ms=answer.seconds * 1000 - infer)
        if subject.predicts:
            run.add(case, subject.key, inside_ms=stages["total"] - infer, infer_ms=infer)
    connection.close()


def read_server_timing(header: str) -> dict[str, float]:
    """Milliseconds by stage, from a header such as ``parse;dur=0.1, infer;dur=4``.

    Format: https://www.w3.org/TR/server-timing/
    """
    stages = {}
    for entry in header.split(","):
        name, _, duration = entry.partition(";dur=")
        if duration:
            stages[name.strip()] = float(duration)
    return stages


def _parse(run: Run, model: Model, key: str, parser: str) -> None:
    case = latency_case("json")
    with tempfile.TemporaryDirectory(prefix="body-") as folder, run.turn(case, key, parser):
        body = Path(folder) / "body.json"
        body.write_bytes(ask(model, "instances").body)
        command = [program("functions", "python"), str(PEERS / "parse.py"), str(body)]
        said = _output([*command, str(_PARSES), parser])
        run.add(case, key, outside_ms=float(said))


def _output(command: list[str]) -> str:
    process = subprocess.run(command, capture_output=True, text=True, check=False)
    if process.returncode:
        raise SubjectFailed(process.stderr.strip()[-1000:])
    return process.stdout.splitlines()[-1]
