"""Clients that offer HTTP/2 with their requests, or begin with it, as they do by default."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.load.conftest import Start
from tests.support.programs.installed import find_program
from tests.support.server.serving import Function

BODY = json.dumps({"instances": [[0.25, 0.5, 0.75, 1.0]]})
JAVA = Path(__file__).resolve().parent / "clients" / "Post.java"


@pytest.fixture(scope="module", params=["quick", "slow"])
def function(request: pytest.FixtureRequest, start: Start) -> Iterator[Function]:
    with start(request.getfixturevalue(request.param)) as started:
        assert started.get("/v2/health/ready").status_code == 200
        yield started


def run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def test_java_s_client_is_answered_with_its_defaults(function: Function) -> None:
    process = run(find_program("java"), str(JAVA), f"{function.url}/predict", BODY, "5")
    lines = process.stdout.splitlines()
    assert len(lines) == 5, process.stderr
    for line in lines:
        status, _, body = line.partition(" ")
        assert status == "200"
        assert len(json.loads(body)["predictions"]) == 1


def test_curl_s_offer_of_http2_is_ignored(function: Function) -> None:
    url = f"{function.url}/predict"
    process = run(
        *(find_program("curl"), "--silent", "--http2", "--data", BODY, url, url),
        *("--header", "Content-Type: application/json", "--write-out", " %{http_code}\n"),
    )
    lines = process.stdout.splitlines()
    assert [line.rpartition(" ")[2] for line in lines] == ["200", "200"], process.stderr


def test_http2_without_an_offer_is_refused_at_once(function: Function) -> None:
    process = run(
        *(find_program("curl"), "--silent", "--http2-prior-knowledge", "--max-time", "5"),
        *("--data", BODY, f"{function.url}/predict"),
    )
    assert process.returncode not in (0, 28)  # 28: it waited in vain
