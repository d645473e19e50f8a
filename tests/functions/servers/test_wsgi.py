"""The WSGI shell, driven through Flask's own requests: bodies, refusals, clients that leave."""

from __future__ import annotations

import io
import json
from typing import Any

import flask
import pytest
from werkzeug.test import EnvironBuilder

from tests.support.models.tiny import examples, scores
from tests.support.server.held_registry import World
from tflite_serving.servers.wsgi import WsgiShell
from tflite_serving.service.service import Service
from tflite_serving.settings import Settings

ROWS = examples(2).inputs["features"]
BODY = json.dumps({"instances": ROWS.tolist()}).encode()
LIMIT = 1000


@pytest.fixture
def shell(world: World) -> WsgiShell:
    world.publish()
    settings = Settings.from_env(
        {"MODEL_REGISTRY": world.store.uri, "MODELS": "iris", "MAX_REQUEST_BYTES": str(LIMIT)}
    )
    return WsgiShell(Service(settings, world.catalog("iris"), world.log))


def environ(stream: io.BufferedIOBase, length: int | None, path: str = "/predict") -> Any:
    made = EnvironBuilder(path=path, method="POST", content_type="application/json").get_environ()
    made["wsgi.input"] = stream
    if length is None:
        made["wsgi.input_terminated"] = True
        made.pop("CONTENT_LENGTH", None)
    else:
        made["CONTENT_LENGTH"] = str(length)
    return made


def send(
    shell: WsgiShell, stream: io.BufferedIOBase, length: int | None, path: str = "/predict"
) -> tuple[flask.Response, Any]:
    response = shell.respond(flask.Request(environ(stream, length, path)))
    body = response.get_data()
    assert response.headers["Content-Length"] == str(len(body))
    response.close()
    return response, json.loads(body)


@pytest.mark.parametrize("length", [len(BODY), None])
def test_a_body_of_any_length_is_read_and_predicted(shell: WsgiShell, length: int | None) -> None:
    response, found = send(shell, io.BytesIO(BODY), length)
    assert response.status_code == 200
    assert [row["label"] for row in found["predictions"]] == [
        ("setosa", "versicolor", "virginica")[row.argmax()] for row in scores(ROWS)
    ]


@pytest.mark.parametrize("length", [LIMIT + 1, None])
def test_a_body_over_the_limit_is_refused_and_discarded(
    shell: WsgiShell, length: int | None
) -> None:
    stream = io.BytesIO(b" " * (LIMIT + 1))
    response, found = send(shell, stream, length)
    assert (response.status_code, found["code"]) == (413, "payload_too_large")
    assert stream.read() == b""


def test_a_refusal_that_needs_no_body_comes_without_reading_it_first(shell: WsgiShell) -> None:
    response, found = send(shell, io.BytesIO(BODY), len(BODY), "/nowhere")
    assert (response.status_code, found["code"]) == (404, "unknown_route")


class Broken(io.BytesIO):
    """A stream that fails where the client's part ends."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error

    def read(self, size: int | None = -1) -> bytes:
        raise self.error


@pytest.mark.parametrize(
    ("stream", "status", "code"),
    [
        (Broken(ConnectionResetError()), 408, "client_disconnected"),
        (Broken(ValueError("no chunk")), 400, "malformed_body"),
        (io.BytesIO(BODY[:-1]), 408, "client_disconnected"),
    ],
    ids=["reset", "chunks", "short"],
)
def test_a_body_that_breaks_off_is_told(
    shell: WsgiShell, stream: io.BytesIO, status: int, code: str
) -> None:
    response, found = send(shell, stream, len(BODY))
    assert (response.status_code, found["code"]) == (status, code)


def test_who_waits_for_a_body_is_refused_when_the_instance_ends(shell: WsgiShell) -> None:
    shell.give_up()
    response, found = send(shell, Broken(ConnectionResetError()), len(BODY))
    assert (response.status_code, found["code"]) == (503, "stopping")
    assert response.headers["Retry-After"] == "1"
