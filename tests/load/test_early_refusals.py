"""Refusals arrive at real clients, directly and behind real proxies, whatever they still send."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.load.conftest import Start
from tests.load.early_refusals import CLIENTS, PROXIES, post
from tests.support.network.proxies import behind
from tests.support.server.serving import Function

LIMIT = 2_000_000
REQUESTS = [(1_000, 40), (1_000_000, 8), (30_000_000, 1)]
"""Size of the body, and how many; `python -m tests.load.early_refusals` makes many more."""


@pytest.fixture(scope="module", params=["predict", "predict_wsgi"])
def function(request: pytest.FixtureRequest, quick: Path, start: Start) -> Iterator[Function]:
    with start(quick, request.param, MAX_REQUEST_BYTES=str(LIMIT), LOG_LEVEL="ERROR") as started:
        assert started.get("/v2/health/ready").status_code == 200
        yield started
        assert "Traceback" not in started.output()


@pytest.fixture(scope="module", params=PROXIES)
def url(
    request: pytest.FixtureRequest, function: Function, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    with behind(request.param, function.url, tmp_path_factory.mktemp("proxy")) as where:
        yield where


@pytest.mark.parametrize("client", CLIENTS)
def test_none_is_lost(url: str, client: str) -> None:
    for size, count in REQUESTS:
        assert post(client, f"{url}/nowhere", size, count) == [404] * count


@pytest.mark.parametrize("client", CLIENTS)
def test_each_kind_of_refusal_arrives(url: str, client: str) -> None:
    for path, size, status in [("", 1_000_000, 405), ("/predict", 1_000_000, 415)]:
        assert post(client, url + (path or "/"), size, 3) == [status] * 3
