"""Several clients at once: each gets the answers to its own rows, in their order."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import requests

from tests.load.conftest import Start
from tests.support.models.tiny import FEATURES, LABELS, scores
from tests.support.server.serving import Function

MAX_BATCH = 1024
POOL: npt.NDArray[np.float32] = np.random.default_rng(9).random(
    (MAX_BATCH, FEATURES), dtype=np.float32
)
EXPECTED = scores(POOL)
CLIENTS, TURNS = 8, 30
SIZES = (1, 1, 1, 2, 5, 63, 64, 65, 127, 129, 1000)


@pytest.mark.parametrize("interpreters", ["1", "2"])
@pytest.mark.parametrize(("kind", "window"), [("quick", "0"), ("slow", "0"), ("quick", "2")])
def test_nobody_sees_the_rows_of_others(
    request: pytest.FixtureRequest, start: Start, kind: str, window: str, interpreters: str
) -> None:
    registry: Path = request.getfixturevalue(kind)
    with start(registry, INTERPRETERS=interpreters, BATCH_WINDOW_MS=window) as function:
        assert function.get("/v2/health/ready").status_code == 200
        together = threading.Barrier(CLIENTS)
        with ThreadPoolExecutor(CLIENTS) as clients:
            work = [clients.submit(ask, function, seed, together) for seed in range(CLIENTS)]
            answered = [number for done in work for number in done.result()]
    assert sum(answered) >= CLIENTS * TURNS


def ask(function: Function, seed: int, together: threading.Barrier) -> list[int]:
    """Asks about random rows in batches of different sizes, and checks each row of each answer."""
    chosen = np.random.default_rng(seed)
    answered = []
    with requests.Session() as session:
        together.wait()
        for turn in range(TURNS):
            size = SIZES[int(chosen.integers(len(SIZES)))]
            indices = chosen.integers(0, MAX_BATCH, size)
            found = predict(session, function, POOL[indices], turn)
            assert found.shape == (size, len(LABELS))
            assert np.abs(found - EXPECTED[indices]).max() <= 1e-6
            answered.append(size)
    return answered


def predict(
    session: requests.Session, function: Function, rows: npt.NDArray[Any], turn: int
) -> npt.NDArray[Any]:
    """Asks in one dialect after the other."""
    listed = rows.astype(np.float64).tolist()
    if turn % 3 == 0:
        document = post(session, function, "/predict", {"instances": listed})
        found = document["predictions"]
        return np.array([[row["scores"][label] for label in LABELS] for row in found])
    path = "/v1/models/iris:predict"
    if turn % 3 == 1:
        return np.array(post(session, function, path, {"inputs": listed})["outputs"])
    return np.array(post(session, function, path, {"instances": listed})["predictions"])


def post(session: requests.Session, function: Function, path: str, document: Any) -> Any:
    response = session.post(function.url + path, json=document, timeout=60)
    assert response.status_code == 200, response.text
    return response.json()
