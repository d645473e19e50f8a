"""The function over real HTTP, on both entry points."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import requests

from model_export.registry.open import open_writable
from model_export.registry.operations import move_alias
from tests.support.models.tiny import LABELS, WEIGHTS, examples, publish_tiny, scores
from tests.support.places import ROOT
from tests.support.server.serving import Function, running
from tflite_serving.contract.manifest import Manifest

pytestmark = pytest.mark.usefixtures("measured")

TARGETS = ("predict", "predict_wsgi")
NO_FAST_PATH = "predict without the fast path"
ROWS = examples(3).inputs["features"]
LIMIT = 100_000
FAULTY_MAIN = ROOT / "tests" / "support" / "server" / "faulty_main.py"


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Manifest]:
    folder = tmp_path_factory.mktemp("registry")
    store = open_writable(str(folder / "registry"))
    return folder / "registry", publish_tiny(store, folder / "artifact", variant="full_int8")


@pytest.fixture(scope="module", params=(*TARGETS, NO_FAST_PATH))
def function(
    request: pytest.FixtureRequest,
    registry: tuple[Path, Manifest],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Function]:
    environment = {
        "MODEL_REGISTRY": str(registry[0]),
        "MODELS": "iris",
        "MAX_REQUEST_BYTES": str(LIMIT),
        "MAX_BATCH": "16",
        "GOOGLE_CLOUD_PROJECT": "a-project",
    }
    target = request.param
    if target == NO_FAST_PATH:
        target, environment["FAST_PATH"] = "predict", "0"
    with running(target, environment, tmp_path_factory.mktemp("function")) as started:
        yield started


def test_the_simple_dialect_answers_labels_and_scores(
    function: Function, registry: tuple[Path, Manifest]
) -> None:
    response = function.post("/predict", {"instances": ROWS.tolist()})
    assert response.status_code == 200
    answer = response.json()
    assert answer["model"] == {"name": "iris", "version": registry[1].version}
    for prediction, expected in zip(answer["predictions"], scores(ROWS), strict=True):
        assert prediction["label"] == LABELS[expected.argmax()]
        assert list(prediction["scores"]) == list(LABELS)
        assert list(prediction["scores"].values()) == pytest.approx(expected, abs=0.02)
        assert prediction["score"] == max(prediction["scores"].values())


def test_the_model_can_be_named_and_the_best_scores_kept(function: Function) -> None:
    response = function.post("/models/iris/predict?top_k=2", {"instances": ROWS[:1].tolist()})
    ((first, second),) = [list(p["scores"].values()) for p in response.json()["predictions"]]
    assert first >= second


def test_tensorflow_serving_clients_get_rows_for_rows_and_columns_for_columns(
    function: Function, registry: tuple[Path, Manifest]
) -> None:
    rows = function.post("/v1/models/iris:predict", {"instances": ROWS.tolist()}).json()
    assert rows["predictions"] == [pytest.approx(row, abs=0.02) for row in scores(ROWS)]
    columns = function.post("/v1/models/iris:predict", {"inputs": {"features": ROWS.tolist()}})
    assert columns.json() == {"outputs": rows["predictions"]}
    path = f"/v1/models/iris/versions/{registry[1].version}:predict"
    named = function.post(path, {"instances": [{"features": row} for row in ROWS.tolist()]})
    assert named.json() == rows


def test_tensorflow_serving_clients_need_no_content_type(function: Function) -> None:
    body = json.dumps({"instances": ROWS.tolist()})
    response = requests.post(f"{function.url}/v1/models/iris:predict", data=body, timeout=60)
    assert response.status_code == 200


@pytest.mark.parametrize("protocol", ["h2c", "websocket", "TLS/1.0"])
def test_an_offer_of_another_protocol_is_ignored(function: Function, protocol: str) -> None:
    offer = {"Upgrade": protocol, "Connection": "Upgrade", "Sec-WebSocket-Version": "13"}
    body = {"instances": ROWS.tolist()}
    with requests.Session() as session:
        posted = session.post(f"{function.url}/predict", json=body, headers=offer, timeout=60)
        got = session.get(f"{function.url}/v2/health/live", headers=offer, timeout=60)
    assert (posted.status_code, len(posted.json()["predictions"])) == (200, len(ROWS))
    assert (got.status_code, got.json()) == (200, {"live": True})


def test_status_and_metadata_are_those_of_the_loaded_version(
    function: Function, registry: tuple[Path, Manifest]
) -> None:
    (status,) = function.get("/v1/models/iris").json()["model_version_status"]
    assert status["version"] == registry[1].version
    assert status["state"] == "AVAILABLE"
    metadata = function.get("/v1/models/iris/metadata").json()
    signature = metadata["metadata"]["signature_def"]["signature_def"]["serving_default"]
    assert signature["inputs"]["features"]["dtype"] == "DT_FLOAT"
    assert [d["size"] for d in signature["inputs"]["features"]["tensor_shape"]["dim"]] == [
        "-1",
        "4",
    ]


def test_health_and_index_answer(function: Function) -> None:
    assert function.get("/v2/health/live").json() == {"live": True}
    assert function.get("/v2/health/ready").json() == {"ready": True}
    (model,) = function.get("/").json()["models"]
    assert model["name"] == "iris"
    assert model["loaded"] is True


def test_a_head_request_has_no_body(function: Function) -> None:
    response = requests.head(f"{function.url}/v2/health/live", timeout=60)
    assert response.status_code == 200
    assert response.content == b""


WRONG: dict[str, tuple[str, str, Any, dict[str, str], int, str, str]] = {
    "malformed JSON": ("POST", "/predict", b'{"instances": [', {}, 400, "malformed_json", "body:"),
    "no body": ("POST", "/predict", b"", {}, 400, "malformed_json", "got nothing"),
    "wrong shape": (
        *("POST", "/predict", {"instances": [[1, 2, 3, 4], [1, 2, 3]]}, {}),
        *(400, "wrong_shape", "instances[1]: expected shape [4], got [3]"),
    ),
    "wrong dtype": (
        *("POST", "/predict", {"instances": [[1, 2, "x", 4]]}, {}),
        *(400, "wrong_dtype", 'instances[0][2]: expected a number (float32), got "x"'),
    ),
    "NaN": (
        *("POST", "/predict", b'{"instances": [[1, 2, 3, NaN]]}', {}),
        *(400, "not_finite", "instances[0][3]: expected a finite number, got nan"),
    ),
    "infinity": (
        *("POST", "/predict", {"instances": [[1, 2, 3, 1e39]]}, {}),
        *(400, "out_of_range", "instances[0][3]: expected a float32"),
    ),
    "empty list": ("POST", "/predict", {"instances": []}, {}, 400, "empty_batch", "instances:"),
    "ragged": (
        *("POST", "/predict", {"instances": [[[1], [1, 2]]]}, {}),
        *(400, "ragged", "instances[0][1]: expected shape [1] like its neighbours, got [2]"),
    ),
    "large batch": (
        *("POST", "/predict", {"instances": [[1, 2, 3, 4]] * 17}, {}),
        *(400, "batch_too_large", "expected at most 16 instances, got 17"),
    ),
    "query": (
        *("POST", "/predict?top_k=none", {"instances": [[1, 2, 3, 4]]}, {}),
        *(400, "invalid_query", "top_k: expected a whole number from 1 to 3, got 'none'"),
    ),
    "an option twice": (
        *("POST", "/predict?top_k=1&top_k=2", {"instances": [[1, 2, 3, 4]]}, {}),
        *(400, "invalid_query", "top_k: expected it once, got it 2 times"),
    ),
    "a text in another charset": (
        *("POST", "/predict", b"a", {"Content-Type": "text/plain; charset=latin-1"}),
        *(415, "unsupported_content_type", "expected charset=utf-8, got 'latin-1'"),
    ),
    "unknown model": (
        *("POST", "/models/rose/predict", {"instances": []}, {}),
        *(404, "unknown_model", "model 'rose': not served here; served: iris"),
    ),
    "unknown version": (
        *("POST", "/v1/models/iris/versions/7:predict", {"instances": []}, {}),
        *(404, "unknown_version", "version '7'"),
    ),
    "unknown route": ("GET", "/v3", b"", {}, 404, "unknown_route", "GET / lists them"),
    "wrong method": (
        *("PUT", "/predict", {"instances": []}, {}),
        *(405, "method_not_allowed", "/predict: expected POST, got PUT"),
    ),
    "oversize body": (
        *("POST", "/predict", b" " * (LIMIT + 1), {}),
        *(413, "payload_too_large", f"body: expected at most {LIMIT} bytes"),
    ),
    "wrong content type": (
        *("POST", "/predict", b"1,2,3,4", {"Content-Type": "text/html"}),
        *(
            415,
            "unsupported_content_type",
            (
                "expected application/json, application/x-npy, image/jpeg, image/png, image/webp, "
                "text/csv or text/plain, got 'text/html'"
            ),
        ),
    ),
    "a table for a model of tensors": (
        *("POST", "/predict", b"a\n1\n", {"Content-Type": "text/csv"}),
        *(415, "unsupported_content_type", "because the model takes no records"),
    ),
    "text for a model of numbers": (
        *("POST", "/predict", b"1,2,3,4", {"Content-Type": "text/plain"}),
        *(415, "unsupported_content_type", "expected application/json, because the model takes"),
    ),
    "compressed body": (
        *("POST", "/predict", b"\x1f\x8b", {"Content-Encoding": "gzip"}),
        *(415, "unsupported_content_encoding", "got 'gzip'"),
    ),
    "encoding of a long name": (
        *("POST", "/predict", b"\x1f\x8b", {"Content-Encoding": "x" * 5_000}),
        *(415, "unsupported_content_encoding", "got '" + "x" * 200 + "…'; send the body"),
    ),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_a_wrong_request_is_told_what_is_wrong(function: Function, wrong: str) -> None:
    method, path, body, headers, status, code, message = WRONG[wrong]
    response = requests.request(
        method,
        function.url + path,
        data=body if isinstance(body, bytes) else json.dumps(body),
        headers={"Content-Type": "application/json", "X-Request-Id": f"id-{code}", **headers},
        timeout=60,
    )
    assert response.status_code == status
    answer = response.json()
    assert set(answer) == {"error", "code", "request_id"}
    assert answer["code"] == code
    assert message in answer["error"]
    assert answer["request_id"] == response.headers["X-Request-Id"] == f"id-{code}"
    assert response.headers["Content-Type"] == "application/json"
    if status == 405:
        assert response.headers["Allow"] == "POST"


def test_a_body_of_unknown_length_is_cut_off_at_the_limit(function: Function) -> None:
    pieces = (b" " * 10_000 for _ in range(LIMIT // 10_000 + 1))
    response = requests.post(
        f"{function.url}/predict",
        data=pieces,
        headers={"Content-Type": "application/json"},
        timeout=60,
    )
    assert response.status_code == 413
    assert response.json()["code"] == "payload_too_large"


def test_every_answer_says_where_its_time_went(function: Function) -> None:
    response = function.post("/predict", {"instances": ROWS.tolist()})
    stages = [part.split(";")[0] for part in response.headers["Server-Timing"].split(", ")]
    assert stages == ["parse", "preprocess", "queue", "infer", "encode", "total"]


def test_a_request_leaves_one_log_line_that_carries_its_trace(function: Function) -> None:
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    headers = {"traceparent": f"00-{trace}-00f067aa0ba902b7-01", "X-Request-Id": "a-request"}
    function.post("/predict?top_k=1", {"instances": ROWS.tolist()}, headers=headers)
    (line,) = [line for line in function.log() if line.get("request_id") == "a-request"]
    assert line["severity"] == "INFO"
    assert line["logging.googleapis.com/trace"] == f"projects/a-project/traces/{trace}"
    assert line["logging.googleapis.com/spanId"] == "00f067aa0ba902b7"
    assert line["logging.googleapis.com/trace_sampled"] is True
    assert line["logging.googleapis.com/labels"]["model"] == "iris"
    assert line["instances"] == 3
    assert 0.3 < line["confidence"] <= 1
    request = line["httpRequest"]
    assert request["requestMethod"] == "POST"
    assert request["requestUrl"] == f"{function.url}/predict?top_k=1"
    assert request["status"] == 200
    assert float(request["latency"].removesuffix("s")) > 0


def test_concurrent_requests_get_their_own_rows(function: Function) -> None:
    failures: list[str] = []

    def ask(worker: int) -> None:
        for turn in range(10):
            rows = examples(1 + (worker + turn) % 5, seed=100 * worker + turn).inputs["features"]
            answer = function.post("/v1/models/iris:predict", {"instances": rows.tolist()}).json()
            if answer["predictions"] != [pytest.approx(row, abs=0.02) for row in scores(rows)]:
                failures.append(str(answer))

    threads = [threading.Thread(target=ask, args=(worker,)) for worker in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


@pytest.mark.parametrize("target", TARGETS)
def test_concurrent_first_requests_load_once(
    target: str, registry: tuple[Path, Manifest], tmp_path: Path
) -> None:
    environment = {"MODEL_REGISTRY": str(registry[0]), "MODELS": "iris"}
    with running(target, environment, tmp_path) as function:
        statuses: list[int] = []
        together = threading.Barrier(8)

        def ask() -> None:
            together.wait()
            answer = function.post("/predict", {"instances": ROWS.tolist()})
            statuses.append(answer.status_code)

        threads = [threading.Thread(target=ask) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert statuses == [200] * 8
        loads = [line for line in function.log() if line["message"].startswith("loaded")]
        assert len(loads) == 1
        first = function.log()[0]
        assert set(first["load_ms"]) == {"import", "download", "verify", "load", "golden"}


@pytest.mark.parametrize("target", TARGETS)
def test_a_golden_mismatch_refuses_the_version_and_names_the_example(
    target: str, tmp_path: Path
) -> None:
    store = open_writable(str(tmp_path / "registry"))
    publish_tiny(store, tmp_path / "artifact", golden_weights=WEIGHTS[::-1].copy())
    environment = {"MODEL_REGISTRY": str(tmp_path / "registry"), "MODELS": "iris"}
    with running(target, environment, tmp_path) as function:
        response = function.post("/predict", {"instances": ROWS.tolist()})
        assert response.status_code == 503
        assert response.json()["code"] == "golden_mismatch"
        assert int(response.headers["Retry-After"]) > 0
        assert "test[" not in response.text
        assert function.get("/v2/health/ready").status_code == 503
        assert function.get("/v2/health/live").status_code == 200
        (told,) = [line for line in function.log() if "error" in line]
        assert told["severity"] == "ERROR"
        assert "golden example test[" in told["message"]


@pytest.mark.parametrize("target", TARGETS)
def test_an_absent_model_is_a_503_until_it_is_published(target: str, tmp_path: Path) -> None:
    environment = {"MODEL_REGISTRY": str(tmp_path / "registry"), "MODELS": "iris"}
    with running(target, environment, tmp_path) as function:
        response = function.post("/predict", {"instances": ROWS.tolist()})
        assert response.status_code == 503
        assert response.json()["code"] == "not_in_registry"
        assert str(tmp_path) not in response.text


@pytest.mark.parametrize("target", TARGETS)
def test_a_moved_alias_is_followed_without_a_restart(target: str, tmp_path: Path) -> None:
    store = open_writable(str(tmp_path / "registry"))
    old = publish_tiny(store, tmp_path / "old")
    new = publish_tiny(store, tmp_path / "new", variant="dynamic_int8", alias=None)
    environment = {
        "MODEL_REGISTRY": str(tmp_path / "registry"),
        "MODELS": "iris",
        "ALIAS_REFRESH_SECONDS": "0",
    }
    with running(target, environment, tmp_path) as function:

        def version() -> str:
            answer = function.post("/predict", {"instances": ROWS.tolist()}).json()
            return str(answer["model"]["version"])

        assert version() == old.version
        move_alias(store, "iris", "production", new.version, "promote")
        # Each request starts a look at the alias beside it; a few later, the answer is the new
        # version's.
        assert any(version() == new.version for _ in range(1000))


@pytest.mark.parametrize("target", TARGETS)
def test_a_fault_of_ours_leaks_nothing_and_leaves_one_log_line(
    target: str, registry: tuple[Path, Manifest], tmp_path: Path
) -> None:
    environment = {"MODEL_REGISTRY": str(registry[0]), "MODELS": "iris"}
    with running(target, environment, tmp_path, FAULTY_MAIN) as function:
        response = function.post("/predict", {"instances": ROWS.tolist()})
        assert response.status_code == 500
        assert response.json()["code"] == "internal"
        assert "secret" not in response.text
        (line,) = [line for line in function.log() if line["severity"] == "ERROR"]
        assert "RuntimeError: a secret" in line["stack_trace"]
        assert response.json()["request_id"] == line["request_id"]
        assert not any(text.startswith("Traceback") for text in function.output().splitlines())


@pytest.mark.parametrize("target", TARGETS)
def test_a_wrong_setting_stops_the_start_with_one_line(target: str, tmp_path: Path) -> None:
    environment = {"MODEL_REGISTRY": "", "MODELS": "iris@", "MAX_BATCH": "0"}
    with pytest.raises(AssertionError) as failure:  # noqa: SIM117
        with running(target, environment, tmp_path):
            pass
    (line,) = [json.loads(line) for line in str(failure.value).splitlines() if line.startswith("{")]
    assert line["severity"] == "CRITICAL"
    for variable in ("MODEL_REGISTRY", "MODELS", "MAX_BATCH"):
        assert variable in line["message"]


def test_a_setting_that_would_have_no_effect_on_flask_stops_the_start(
    registry: tuple[Path, Manifest], tmp_path: Path
) -> None:
    environment = {"MODEL_REGISTRY": str(registry[0]), "MODELS": "iris", "BATCH_WINDOW_MS": "1"}
    with pytest.raises(AssertionError, match="BATCH_WINDOW_MS: expected 0 with predict_wsgi"):  # noqa: SIM117
        with running("predict_wsgi", environment, tmp_path):
            pass


def test_in_a_batch_each_request_has_its_own_status_and_log_line(
    registry: tuple[Path, Manifest], tmp_path: Path
) -> None:
    environment = {"MODEL_REGISTRY": str(registry[0]), "MODELS": "iris", "BATCH_WINDOW_MS": "100"}
    bodies = [{"instances": ROWS.tolist()}, {"instances": [["x"]]}, {"instances": []}]
    statuses = [200, 400, 400]
    with running("predict", environment, tmp_path) as function:
        assert function.get("/v2/health/ready").status_code == 200
        with ThreadPoolExecutor(12) as clients:
            found = list(clients.map(partial(function.post, "/predict"), bodies * 4))
        assert [response.status_code for response in found] == statuses * 4
        assert len({response.text for response in found if response.status_code == 200}) == 1
        timings = found[0].headers["Server-Timing"]
        stages = [part.split(";")[0] for part in timings.split(", ")]
        assert stages == ["parse", "preprocess", "queue", "infer", "encode", "total"]
        lines = {line["request_id"]: line for line in function.log() if "httpRequest" in line}
        for response, status in zip(found, statuses * 4, strict=True):
            line = lines[response.headers["X-Request-Id"]]
            assert line["httpRequest"]["status"] == status


def test_a_body_that_dribbles_in_is_given_up(
    registry: tuple[Path, Manifest], tmp_path: Path
) -> None:
    environment = {
        "MODEL_REGISTRY": str(registry[0]),
        "MODELS": "iris",
        "REQUEST_TIMEOUT_SECONDS": "0.5",
    }
    with running("predict", environment, tmp_path) as function:
        host, port = function.url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), timeout=30) as connection:
            connection.sendall(
                b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                b"Content-Length: 1000\r\n\r\n{"
            )
            # The server closes the connection: it must not wait for the rest of the body.
            answer = b"".join(iter(lambda: connection.recv(65536), b""))
        assert answer.startswith(b"HTTP/1.1 408")
        assert b"request_timeout" in answer


@pytest.mark.parametrize("target", TARGETS)
def test_the_platforms_stop_signal_ends_it_cleanly(
    target: str, registry: tuple[Path, Manifest], tmp_path: Path
) -> None:
    environment = {"MODEL_REGISTRY": str(registry[0]), "MODELS": "iris"}
    with running(target, environment, tmp_path) as function:
        assert function.post("/predict", {"instances": ROWS.tolist()}).status_code == 200
        os.kill(function.process.pid, signal.SIGTERM)
        assert function.process.wait(timeout=30) == 0


@pytest.mark.parametrize(
    ("head", "body", "status", "code"),
    [
        (b"Content-Length: 9223372036854775808", b"{", 413, "payload_too_large"),
        (b"Transfer-Encoding: chunked", b"zz\r\n", 400, "malformed_body"),
    ],
)
def test_on_flask_a_body_that_lies_about_itself_is_refused(
    registry: tuple[Path, Manifest],
    tmp_path: Path,
    head: bytes,
    body: bytes,
    status: int,
    code: str,
) -> None:
    environment = {"MODEL_REGISTRY": str(registry[0]), "MODELS": "iris"}
    with running("predict_wsgi", environment, tmp_path) as function:
        host, port = function.url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), timeout=30) as connection:
            connection.sendall(
                b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                + head
                + b"\r\n\r\n"
                + body
            )
            answer = http.client.HTTPResponse(connection)
            answer.begin()
            assert answer.status == status
            assert json.loads(answer.read())["code"] == code
