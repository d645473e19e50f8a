"""The ASGI shell, driven through the ASGI protocol itself: bodies in pieces, clients that leave."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from typing import Any

import pytest

from tests.support.models.tiny import examples
from tests.support.server.held_registry import World
from tflite_serving.http.messages import Response
from tflite_serving.runtime.interpreter_pool import InterpreterPool
from tflite_serving.servers.asgi import AsgiShell
from tflite_serving.service.service import Exchange, Service
from tflite_serving.settings import Settings

BODY = json.dumps({"instances": examples(2).inputs["features"].tolist()}).encode()
LIMIT = 1000

Message = MutableMapping[str, Any]


def shell(world: World, **environment: str) -> AsgiShell:
    world.publish()
    settings = Settings.from_env(
        {
            "MODEL_REGISTRY": world.store.uri,
            "MODELS": "iris",
            "MAX_REQUEST_BYTES": str(LIMIT),
            **environment,
        }
    )
    return AsgiShell(Service(settings, world.catalog("iris"), world.log))


def pieces(*bodies: bytes) -> list[Message]:
    return [
        {"type": "http.request", "body": body, "more_body": index < len(bodies) - 1}
        for index, body in enumerate(bodies)
    ]


def send(
    shell: AsgiShell,
    messages: list[Message],
    *,
    path: str = "/predict",
    method: str = "POST",
    headers: Sequence[tuple[bytes, bytes]] = (),
) -> tuple[int, dict[str, str], dict[str, Any]]:
    """Sends a request message by message; the status, headers and JSON of what comes back."""
    waiting = list(messages)

    async def receive() -> Message:
        if not waiting:
            await asyncio.Event().wait()  # a client that sends nothing more
        return waiting.pop(0)

    return asyncio.run(respond(shell, receive, path, method, headers))


async def respond(
    shell: AsgiShell,
    receive: Callable[[], Awaitable[Message]],
    path: str,
    method: str,
    headers: Sequence[tuple[bytes, bytes]],
) -> tuple[int, dict[str, str], dict[str, Any]]:
    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "query_string": b"",
        "headers": [(b"host", b"testserver"), (b"content-type", b"application/json"), *headers],
        "client": ("127.0.0.1", 1234),
        "server": ("127.0.0.1", 80),
    }
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    await shell(scope, receive, send)
    start, body = sent
    assert (start["type"], body["type"]) == ("http.response.start", "http.response.body")
    found = {name.decode(): value.decode() for name, value in start["headers"]}
    assert found["content-length"] == str(len(body["body"]))
    return start["status"], found, json.loads(body["body"] or b"null")


def test_a_body_in_pieces_is_one_body(world: World) -> None:
    status, headers, answer = send(shell(world), pieces(BODY[:10], BODY[10:20], BODY[20:]))
    assert status == 200
    assert len(answer["predictions"]) == 2
    assert "connection" not in headers


@pytest.mark.parametrize("ends", [False, True])
def test_a_body_is_refused_where_it_exceeds_the_limit_and_the_rest_discarded(
    world: World, *, ends: bool
) -> None:
    endless = pieces(*[b" " * 300] * 10)
    status, headers, answer = send(shell(world), endless if ends else endless[:-1])
    assert status == 413
    assert answer["code"] == "payload_too_large"
    # What comes after the end of a body is another request.
    assert (headers.get("connection") == "close") != ends


def test_a_client_that_leaves_holds_no_place(world: World) -> None:
    made = shell(world, MAX_IN_FLIGHT="1")
    for _ in range(3):
        status, _, answer = send(made, [*pieces(b"{", b"")[:1], {"type": "http.disconnect"}])
        assert (status, answer["code"]) == (408, "client_disconnected")
    assert send(made, pieces(BODY))[0] == 200


def test_a_client_that_sends_nothing_more_is_given_up(world: World) -> None:
    made = shell(world, REQUEST_TIMEOUT_SECONDS="0.05")
    status, _, answer = send(made, pieces(b"{", b"")[:1])
    assert (status, answer["code"]) == (408, "request_timeout")


@pytest.mark.parametrize(
    ("headers", "closes"),
    [
        ([], False),
        ([(b"content-length", b"1000")], False),
        ([(b"content-length", b"1000"), (b"expect", b"100-continue")], True),
        ([(b"content-length", b"1000000")], True),
        ([(b"transfer-encoding", b"chunked")], True),
    ],
)
def test_a_refusal_before_the_body_ends_the_connection_where_much_is_to_come(
    world: World, headers: list[tuple[bytes, bytes]], *, closes: bool
) -> None:
    status, answered, answer = send(shell(world), [], path="/nowhere", headers=headers)
    assert (status, answer["code"]) == (404, "unknown_route")
    assert (answered.get("connection") == "close") == closes


@pytest.mark.parametrize("has_room", [False, True])
def test_a_refused_body_comes_before_the_response_if_there_is_room(
    world: World, monkeypatch: pytest.MonkeyPatch, *, has_room: bool
) -> None:
    monkeypatch.setattr("tflite_serving.servers.asgi._MOST_DISCARDING", int(has_room))
    messages = pieces(b"x" * 10, b"y" * 10)
    status, headers, _ = send(
        shell(world), messages, path="/nowhere", headers=[(b"content-length", b"1000000")]
    )
    assert status == 404
    assert (headers.get("connection") != "close") == has_room


def test_a_body_that_never_ends_is_not_waited_for_before_the_response(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tflite_serving.servers.lingering.MOST_BYTES", 5000)
    read: list[int] = []

    async def endless() -> Message:
        read.append(1000)
        return {"type": "http.request", "body": b" " * 1000, "more_body": True}

    headers = [(b"transfer-encoding", b"chunked")]
    status, answered, _ = asyncio.run(respond(shell(world), endless, "/nowhere", "POST", headers))
    assert (status, answered["connection"]) == (404, "close")
    assert sum(read) == 5000


@pytest.mark.parametrize(
    ("path", "method", "quick"),
    [
        ("/v2/health/live", "GET", (True, True)),
        ("/", "GET", (True, True)),
        ("/v2/health/ready", "GET", (False, True)),
        ("/v1/models/iris", "GET", (False, True)),
        ("/v1/models/iris/metadata", "GET", (False, True)),
        ("/predict", "POST", (False, True)),
    ],
)
def test_what_may_wait_runs_beside_the_event_loop(
    world: World,
    monkeypatch: pytest.MonkeyPatch,
    path: str,
    method: str,
    quick: tuple[bool, bool],
) -> None:
    """First while nothing is loaded, then while everything is."""
    made = shell(world)
    threads: list[bool] = []

    answer = Exchange._answer

    def watched(exchange: Exchange, *arguments: Any) -> Response:
        threads.append(threading.current_thread() is threading.main_thread())
        return answer(exchange, *arguments)

    monkeypatch.setattr(Exchange, "_answer", watched)
    assert send(made, pieces(BODY), path=path, method=method)[0] == 200
    send(made, pieces(BODY))
    assert send(made, pieces(BODY), path=path, method=method)[0] == 200
    assert (threads[0], threads[-1]) == quick


def test_a_model_that_is_busy_or_slow_runs_beside_the_event_loop(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = shell(world, MAX_REQUEST_BYTES="10000000")
    threads: list[bool] = []
    run = InterpreterPool.run

    def watched(self: InterpreterPool, *args: Any) -> Any:
        threads.append(threading.current_thread() is threading.main_thread())
        return run(self, *args)

    monkeypatch.setattr(InterpreterPool, "run", watched)
    send(made, pieces(BODY))
    many = json.dumps({"instances": examples(1000).inputs["features"].tolist()}).encode()
    assert send(made, pieces(many))[0] == 200
    assert send(made, pieces(BODY))[0] == 200
    monkeypatch.setattr(InterpreterPool, "is_idle", property(lambda _: False))
    assert send(made, pieces(BODY))[0] == 200
    assert threads[-3:] == [False, True, False]


def test_a_client_that_left_while_it_waited_is_not_computed_for(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = shell(world)
    monkeypatch.setattr(InterpreterPool, "is_idle", property(lambda _: False))
    send(made, pieces(BODY))
    status, _, answer = send(made, [*pieces(BODY), {"type": "http.disconnect"}])
    assert (status, answer["code"]) == (408, "client_disconnected")
