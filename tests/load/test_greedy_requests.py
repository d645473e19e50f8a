"""Requests that want much memory for their size, sent to a real function."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.compression.memory import take_peak_mib
from benchmarks.soak.memory import worker
from tests.support.models.image_model import NAME as PICTURES
from tests.support.server.greedy_requests import MODELS, GreedyRequest, publish_models, requests
from tests.support.server.serving import Function, running

pytestmark = pytest.mark.skipif(
    not Path("/proc/self/clear_refs").exists(), reason="Linux alone can tell"
)

REQUESTS = requests()
GOOD = {"instances": [[1, 1, 1, 1]]}
GOOD_PICTURE = {"instances": [[[[1, 1, 1]]]]}
INSTANCE_MIB = 512
"""Resident memory, which is what the platform counts, with that of the idle function."""
SMALL = 2**20
"""Bytes: a smaller body must cost next to nothing."""
SMALL_MIB, SMALL_SECONDS = 32.0, 0.5
MOST_SECONDS = 5.0
_TICKS = 100


@pytest.fixture(scope="module")
def function(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Function]:
    folder = tmp_path_factory.mktemp("greedy")
    environment = {
        "MODEL_REGISTRY": str(publish_models(folder)),
        "MODELS": ",".join(MODELS),
        "INTERPRETERS": "1",
        # Freed memory goes back, so that no request is taken for the one before it.
        "MALLOC_TRIM_THRESHOLD_": "65536",
        "MALLOC_ARENA_MAX": "1",
    }
    with running("predict", environment, folder) as started:
        for model in MODELS:
            good = GOOD_PICTURE if model == PICTURES else GOOD
            assert started.post(f"/models/{model}/predict", good).status_code == 200
        yield started
        assert "Traceback" not in started.output()


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


@pytest.mark.parametrize("request_", REQUESTS.values(), ids=REQUESTS)
def test_no_request_takes_the_memory_of_the_instance(
    function: Function, request_: GreedyRequest
) -> None:
    body, pid = request_.body(), worker(function.process.pid)
    take_peak_mib(pid)
    idle_mib, idle_seconds = take_peak_mib(pid), cpu_seconds(pid)
    headers = {"Content-Type": request_.content_type}
    response = function.post(request_.path, body, headers=headers)
    peak_mib, seconds = take_peak_mib(pid), cpu_seconds(pid) - idle_seconds
    code = "" if response.status_code == 200 else response.json()["code"]
    assert code in request_.codes
    assert len(response.content) < 1_000
    assert peak_mib < INSTANCE_MIB
    assert seconds < MOST_SECONDS
    if len(body) < SMALL:
        assert peak_mib - idle_mib < SMALL_MIB
        assert seconds < SMALL_SECONDS
    assert worker(function.process.pid) == pid
