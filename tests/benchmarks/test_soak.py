"""The soak's own arithmetic, and its client against the real function."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from benchmarks.soak.client import Found, load
from benchmarks.soak.memory import Sample, course, sample, worker
from benchmarks.soak.plot import memory_plot
from benchmarks.soak.questions import Leaving, Question, Share
from model_export.registry.open import open_writable
from tests.support.models.tiny import publish_tiny
from tests.support.network.raw_http import RawConnection, post
from tests.support.server.serving import Function, running

GOOD = post(json.dumps({"instances": [[1, 2, 3, 4]]}).encode())


def test_the_slope_is_that_of_the_samples_after_the_first_tenth() -> None:
    warming = [Sample(0, 10, 9), Sample(9_999, 500, 400)]
    later = [Sample(n, 100 + n / 50_000, 90) for n in range(10_000, 100_001, 10_000)]
    found = course(warming + later)
    assert found.slope_mib == pytest.approx(2.0)
    assert [found.early_mib, found.end_mib] == pytest.approx([100.2, 102.0])


def test_the_curve_is_a_picture_of_its_own_in_light_and_dark() -> None:
    svg = memory_plot([Sample(n, 100, 90) for n in range(10)], "flat").decode()
    assert svg.startswith("<svg")
    assert 'aria-label="flat"' in svg
    assert "prefers-color-scheme: dark" in svg
    assert "RSS" in svg


@pytest.fixture(scope="module")
def function(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Function]:
    folder = tmp_path_factory.mktemp("soak")
    publish_tiny(open_writable(str(folder / "registry")), folder / "artifact")
    environment = {"MODEL_REGISTRY": str(folder / "registry"), "MODELS": "iris"}
    with running("predict", environment, folder) as started:
        yield started


def ask(function: Function, *questions: Question, answers: dict[bytes, bytes]) -> Found:
    port = urlsplit(function.url).port
    assert port is not None
    shares = (Share(100.0, questions),)
    return asyncio.run(load(port, shares, answers, 20, 3, lambda _: None))


def test_every_answer_is_compared(function: Function) -> None:
    with RawConnection(function.url) as connection:
        right = connection.send(GOOD).answer().body
    good = Question("good", GOOD)
    wrong = Question("wrong", post(b"{"), 400, "malformed_json")
    left = Question("left", GOOD[:-3], leaving=Leaving.IN_THE_BODY)
    found = ask(function, good, wrong, left, answers={GOOD: right})
    assert found.requests == 20
    assert found.wrong_count == 0
    assert {status for _, status in found.statuses} == {"200", "400", "left"}


@pytest.mark.parametrize(
    ("question", "answer", "told"),
    [
        (Question("a", GOOD, 400), b"", "expected 400 , got 200"),
        (Question("a", post(b"{"), 400, "ragged"), b"", "expected ragged"),
        (Question("a", GOOD), b"another", "expected b'another'"),
        (Question("a", b"\r\n\r\nhello\r\n\r\n", 200), b"", "expected 200 , got 400"),
    ],
)
def test_an_answer_that_must_not_be_is_told(
    function: Function, question: Question, answer: bytes, told: str
) -> None:
    found = ask(function, question, answers={question.request: answer} if answer else {})
    assert found.wrong_count == 20
    assert all(told in wrong for wrong in found.wrong)


def test_the_worker_is_the_process_that_has_the_model(function: Function) -> None:
    assert function.get("/v2/health/ready").status_code == 200
    process = worker(function.process.pid)
    assert process != function.process.pid
    assert "tflite" in Path(f"/proc/{process}/maps").read_text()
    found = sample(process, 7)
    assert found.requests == 7
    assert found.rss_mib >= found.pss_mib > 1
