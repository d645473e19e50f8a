"""A function is ready once its golden examples were run, and not before."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from model_export.registry.open import open_writable
from tests.load.conftest import Start
from tests.support.models.tiny import WEIGHTS, publish_tiny
from tests.support.network.raw_http import RawConnection, head, post
from tests.support.server.holding import HELD_MAIN, holding
from tflite_serving.artifacts.folder import FolderStore
from tflite_serving.contract import layout
from tflite_serving.contract.golden import read_golden

TARGETS = ("predict", "predict_wsgi")


def first_golden_value(registry: Path) -> float:
    """The first number of the first golden example."""
    (manifest,) = (registry / layout.MODELS / "iris" / "versions").iterdir()
    path = layout.file_path("iris", manifest.name, "golden.npz")
    golden = read_golden(FolderStore(registry).read(path).data)
    return float(np.asarray(golden.inputs["features"]).flat[0])


@pytest.mark.parametrize("target", TARGETS)
def test_it_is_ready_only_after_the_golden_examples_were_run(
    quick: Path, start: Start, target: str
) -> None:
    with (
        holding(first_golden_value(quick)) as hold,
        start(quick, target, source=HELD_MAIN, **hold.environment) as f,
        ThreadPoolExecutor(1) as clients,
        RawConnection(f.url) as probe,
        RawConnection(f.url) as client,
    ):
        ready = clients.submit(f.get, "/v2/health/ready")
        hold.wait()  # the golden examples are being run
        probe.send(head("GET /v2/health/ready"))
        client.send(post(b'{"instances": [[1, 2, 3, 4]]}'))
        for _ in range(5):
            assert f.get("/v2/health/live").status_code == 200
            assert f.get("/").json()["models"][0]["loaded"] is False
        assert not ready.done()
        assert probe.is_silent()
        assert client.is_silent()
        hold.release()
        assert ready.result().status_code == 200
        assert probe.answer().json() == {"ready": True}
        assert client.answer().status == 200
        assert f.get("/").json()["models"][0]["loaded"] is True


@pytest.mark.parametrize("target", TARGETS)
def test_it_is_never_ready_with_a_version_that_does_not_reproduce_them(
    tmp_path: Path, start: Start, target: str
) -> None:
    store = open_writable(str(tmp_path / "registry"))
    publish_tiny(store, tmp_path / "artifact", golden_weights=WEIGHTS[::-1].copy())
    with start(tmp_path / "registry", target) as f:
        for _ in range(2):  # once with the load, and once without
            response = f.get("/v2/health/ready")
            assert response.status_code == 503
            assert response.json()["code"] == "golden_mismatch"
            assert int(response.headers["Retry-After"]) > 0
        assert f.post("/predict", {"instances": [[1, 2, 3, 4]]}).status_code == 503
        assert f.get("/v2/health/live").status_code == 200
