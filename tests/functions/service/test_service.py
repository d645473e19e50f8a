"""The service in process, where limits and clocks can be held still."""

from __future__ import annotations

import io
import json
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from model_export.registry.open import open_writable
from tests.support.models.tiny import WEIGHTS, examples, publish_tiny
from tests.support.server.held_registry import World
from tflite_serving.artifacts.opening import open_store
from tflite_serving.catalog.catalog import Catalog
from tflite_serving.errors import Overloaded, PayloadTooLarge
from tflite_serving.http.messages import RequestHead, Response
from tflite_serving.runtime.interpreter_pool import InterpreterPool
from tflite_serving.service.service import Exchange, Service
from tflite_serving.settings import Settings
from tflite_serving.telemetry import Log

BODY = json.dumps({"instances": examples(2).inputs["features"].tolist()}).encode()


class Harness:
    """A service over a real registry, and what it logged."""

    def __init__(self, folder: Path, **environment: str) -> None:
        registry = str(folder / "registry")
        publish_tiny(open_writable(registry), folder / "artifact")
        settings = Settings.from_env({"MODEL_REGISTRY": registry, "MODELS": "iris", **environment})
        self._output = io.BytesIO()
        log = Log(self._output, settings.log_level)
        self.service = Service(settings, Catalog(settings, open_store(registry), log), log)

    def open(self, path: str = "/predict", method: str = "POST", **headers: str) -> Exchange:
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.service.open(RequestHead(method, path, headers=given))

    def ask(self, path: str = "/predict", method: str = "POST", body: bytes = BODY) -> Response:
        with self.open(path, method) as exchange:
            if exchange.refusal is not None:
                return exchange.refuse(exchange.refusal)
            if exchange.wants_body:
                exchange.admit(len(body))
            return exchange.answer(body)

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self._output.getvalue().splitlines()]


@pytest.fixture
def harness(tmp_path: Path) -> Harness:
    return Harness(tmp_path)


def code(response: Response) -> str:
    return str(json.loads(response.body)["code"])


def test_beyond_the_limit_in_flight_a_prediction_is_refused_at_once(tmp_path: Path) -> None:
    harness = Harness(tmp_path, MAX_IN_FLIGHT="2")
    with harness.open() as first, harness.open() as second:
        assert first.wants_body
        assert second.wants_body
        late = harness.open()
        first.admit(len(BODY))
        second.admit(len(BODY))
        response = harness.ask()
        assert response.status == 503
        assert code(response) == "overloaded"
        assert response.headers["Retry-After"] == "1"
        with pytest.raises(Overloaded):  # its body came when the places were taken
            late.admit(len(BODY))
        assert harness.ask("/v2/health/live", "GET").status == 200
    assert harness.ask().status == 200


def test_a_body_that_is_still_coming_takes_no_place(tmp_path: Path) -> None:
    harness = Harness(tmp_path, MAX_IN_FLIGHT="1")
    with harness.open() as first, harness.open() as second:
        first.hold(10)
        second.hold(10)
        assert harness.ask().status == 200


def test_all_bodies_together_are_bounded(tmp_path: Path) -> None:
    harness = Harness(tmp_path, MAX_REQUEST_BYTES="1000")
    with ExitStack() as stack:
        held = [stack.enter_context(harness.open()) for _ in range(5)]
        for exchange in held[:4]:
            exchange.hold(1000)
        with pytest.raises(Overloaded, match=r"^all bodies together exceed 4000 bytes;"):
            held[4].hold(1)
        with pytest.raises(PayloadTooLarge):
            held[0].hold(1)
    assert harness.ask().status == 200


def test_a_refused_request_keeps_no_place_in_flight(tmp_path: Path) -> None:
    harness = Harness(tmp_path, MAX_IN_FLIGHT="1")
    for _ in range(3):
        with harness.open(content_type="text/html") as exchange:
            assert exchange.refusal is not None
        assert harness.ask(body=b"{").status == 400
    assert harness.ask().status == 200


def test_a_body_too_large_by_its_length_is_refused_before_it_is_read(tmp_path: Path) -> None:
    harness = Harness(tmp_path, MAX_REQUEST_BYTES="10")
    with harness.open(content_length="11") as exchange:
        assert exchange.refusal is not None
        assert exchange.refusal.status == 413
        assert not exchange.wants_body


@pytest.mark.parametrize("path", ["/nowhere", "/models/iris", "/v1/models/iris:classify"])
def test_a_request_for_nothing_wants_no_body(harness: Harness, path: str) -> None:
    with harness.open(path) as exchange:
        assert exchange.refusal is not None
        assert exchange.refusal.status == 404
        assert not exchange.wants_body


def test_a_deadline_that_is_over_is_a_504(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert harness.ask().status == 200
    with harness.open() as exchange:
        monkeypatch.setattr(exchange._context, "deadline", 0.0)
        response = exchange.answer(BODY)
    assert response.status == 504
    assert code(response) == "deadline_exceeded"


def test_an_answer_that_is_no_number_is_never_sent(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert harness.ask().status == 200
    monkeypatch.setattr(
        InterpreterPool, "run", lambda *_: {"species": np.full((2, 3), np.nan, np.float32)}
    )
    response = harness.ask()
    assert response.status == 500
    assert code(response) == "model_output_not_finite"
    assert harness.lines()[-1]["severity"] == "ERROR"


def test_a_bug_is_a_500_with_the_stack_in_the_log_alone(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert harness.ask().status == 200

    def fail(*_: object) -> None:
        raise KeyError("a secret")

    monkeypatch.setattr(InterpreterPool, "run", fail)
    response = harness.ask()
    assert response.status == 500
    assert b"secret" not in response.body
    line = harness.lines()[-1]
    assert line["severity"] == "ERROR"
    assert line["code"] == "internal"
    assert "KeyError: 'a secret'" in line["stack_trace"]
    assert line["request_id"] == json.loads(response.body)["request_id"]


def test_a_bug_before_the_body_is_a_500_too(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise KeyError("a secret")

    monkeypatch.setattr("tflite_serving.service.routes.ROUTER.match", fail)
    response = harness.ask()
    assert response.status == 500
    assert b"secret" not in response.body
    assert "a secret" in harness.lines()[-1]["stack_trace"]


def test_errors_are_logged_whatever_the_sample(tmp_path: Path) -> None:
    harness = Harness(tmp_path, LOG_SAMPLE="0")
    assert harness.ask().status == 200
    assert harness.ask(body=b"{").status == 400
    assert [line["message"].partition(" ")[0] for line in harness.lines()] == ["loaded", "body:"]


def test_a_sampled_log_has_about_its_share(tmp_path: Path) -> None:
    harness = Harness(tmp_path, LOG_SAMPLE="0.5")
    for _ in range(200):
        harness.ask("/v2/health/live", "GET")
    assert 50 < len(harness.lines()) < 150


def test_only_the_first_answer_tells_of_the_load(harness: Harness) -> None:
    first, second = (harness.ask().headers["Server-Timing"] for _ in range(2))
    for stage in ("import", "download", "verify", "load", "golden"):
        assert f"{stage};dur=" in first
        assert f"{stage};dur=" not in second


def test_ready_loads_and_index_does_not(harness: Harness) -> None:
    (model,) = json.loads(harness.ask("/", "GET").body)["models"]
    assert model["loaded"] is False
    assert harness.ask("/v2/health/ready", "GET").status == 200
    (model,) = json.loads(harness.ask("/", "GET").body)["models"]
    assert model["loaded"] is True


def test_the_index_tells_what_the_function_was_built_from(world: World) -> None:
    world.publish()
    known = {"COMMIT": "0123456789abcdef" * 2 + "01234567", "BUNDLE_DIGEST": "ab" * 32}
    required = {"MODEL_REGISTRY": world.store.uri, "MODELS": "iris"}
    for given in ({}, known):
        settings = Settings.from_env({**required, **given})
        service = Service(settings, Catalog(settings, world.store, world.log), world.log)
        with service.open(RequestHead("GET", "/")) as exchange:
            index = json.loads(exchange.answer(b"").body)
        told = {name.upper(): index[name] for name in ("commit", "bundle_digest") if name in index}
        assert told == given


def test_the_index_links_each_version_by_what_answers_with_it(world: World) -> None:
    versions = [world.publish(), world.publish("staging", weights=-WEIGHTS)]
    versions.append(world.publish("old", weights=2 * WEIGHTS))
    models = ("iris", "iris@staging", f"iris@{versions[2].version}")
    settings = Settings.from_env({"MODEL_REGISTRY": world.store.uri, "MODELS": ",".join(models)})
    service = Service(settings, world.catalog(*models), world.log)

    def ask(method: str, path: str) -> Any:
        with service.open(RequestHead(method, path)) as exchange:
            response = exchange.answer(BODY if method == "POST" else b"")
        assert response.status == 200, response
        return json.loads(response.body)

    entries = ask("GET", "/")["models"]
    assert entries[0]["links"]["predict"] == "/models/iris/predict"
    for entry, version in zip(entries, versions, strict=True):
        links = entry["links"]
        assert ask("POST", links["predict"])["model"]["version"] == version.version
        assert ask("GET", links["metadata"])["model_spec"]["version"] == version.version
    rows = [ask("POST", entry["links"]["tensorflow_serving"])["predictions"] for entry in entries]
    assert len({str(row) for row in rows}) == 3


def test_every_response_carries_its_id_and_times(harness: Harness) -> None:
    for response in (harness.ask(), harness.ask(body=b""), harness.ask("/nowhere")):
        assert response.headers["X-Request-Id"]
        assert "total;dur=" in response.headers["Server-Timing"]
        assert response.headers["Content-Type"] == "application/json"
