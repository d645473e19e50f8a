"""Asks a function that serves examples what hostile clients ask, and looks at its memory."""

from __future__ import annotations

import http.client
import json
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.compression.document import Block, Table
from benchmarks.raw_inputs.hostile import MODELS, Hostile, questions
from benchmarks.raw_inputs.parity import EXAMPLES, publish
from benchmarks.serving.environments import ROOT
from benchmarks.serving.ports import free_port
from benchmarks.serving.questions import Question
from benchmarks.serving.server import Server, serving
from benchmarks.serving.subjects import function_from_here
from benchmarks.soak.memory import sample, worker
from model_export import Progress

_REGISTRY = ROOT / "build" / "raw_inputs" / "registry"
_RECORDS = "wide_deep"
_ROUNDS = 20
_LONGEST_TOLD = 160
_TIMEOUT_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Told:
    """What a question got.

    Attributes:
        status: of HTTP.
        code, message: of an error; empty for an answer.
        seconds: until it was there.
    """

    status: int
    code: str
    message: str
    seconds: float


class Unexpected(Exception):
    """A question got another status than it must."""


def run(progress: Progress) -> list[Block]:
    """Asks everything again and again, and tells what each got, and what memory did.

    Raises:
        Unexpected: the function answered otherwise than it must.
        SubjectFailed: it did not start.
    """
    publish(MODELS, progress)
    record = _right_record()
    asked = questions(record)
    with _serving(record) as server, progress.step("hostile") as step:
        pid = worker(server.pid)
        _ask_each(server.port, asked)  # what is imported and allocated once
        before = sample(pid, 0)
        for turn in range(_ROUNDS):
            told = _ask_each(server.port, asked)
            step.advance((turn + 1) / _ROUNDS)
        after = sample(pid, 0)
        step.result = f"{len(asked)} inputs, {_ROUNDS} times"
    for question, answer in zip(asked, told, strict=True):
        if answer.status != question.status:
            raise Unexpected(f"{question.what}: expected {question.status}, got {answer}")
    rows = tuple(_row(q, a) for q, a in zip(asked, told, strict=True))
    slowest = max(range(len(told)), key=lambda index: told[index].seconds)
    memory = (
        f"{len(asked)} inputs, each asked {_ROUNDS + 1} times. The function's resident memory was "
        f"{before.rss_mib:.0f} MiB after the first round, {after.rss_mib:.0f} MiB after the last. "
        f"In that one, “{asked[slowest].what}” took longest: {told[slowest].seconds * 1e3:.0f} ms."
    )
    return [Table(("input", "model", "bytes", "status", "told"), rows, left=5), memory]


@contextmanager
def _serving(record: dict[str, object]) -> Iterator[Server]:
    """The function from this environment, with all models of the examples.

    Args:
        record: that it must have answered.
    """
    shutil.rmtree(_REGISTRY, ignore_errors=True)
    for name in MODELS:
        shutil.copytree(EXAMPLES / name / "registry" / "models" / name, _REGISTRY / "models" / name)
    port = free_port()
    settings = {"MODEL_REGISTRY": _REGISTRY.as_uri(), "MODELS": ",".join(MODELS)}
    body = json.dumps({"instances": [record]}).encode()
    right = Question("swallow", f"/models/{_RECORDS}/predict", "application/json", body, "")
    with serving(function_from_here(port, settings), port, right) as server:
        yield server


def _ask_each(port: int, asked: list[Hostile]) -> list[Told]:
    return [_ask(port, question) for question in asked]


def _ask(port: int, question: Hostile) -> Told:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_TIMEOUT_SECONDS)
    begun = time.perf_counter()
    try:
        path = f"/models/{question.model}/predict"
        headers = {"Content-Type": question.content_type}
        connection.request("POST", path, question.body, headers)
        response = connection.getresponse()
        answer: dict[str, Any] = json.loads(response.read())
    finally:
        connection.close()
    seconds = time.perf_counter() - begun
    return Told(response.status, answer.get("code", ""), answer.get("error", ""), seconds)


def _right_record() -> dict[str, object]:
    """What the example with many inputs left as a request."""
    path: Path = EXAMPLES / _RECORDS / "example.json"
    document = json.loads(path.read_text(encoding="utf-8"))
    record: dict[str, object] = document["instances"][0]
    return record


def _row(question: Hostile, told: Told) -> tuple[str, ...]:
    message = told.message.replace("|", "\\|")
    if len(message) > _LONGEST_TOLD:
        message = message[:_LONGEST_TOLD] + "…"
    said = f"`{told.code}`: {message}" if told.code else "an answer"
    return question.what, question.model, f"{len(question.body):,}", str(told.status), said
