"""The server's protocol: requests that come whole, in parts, or several together."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import httptools
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from uvicorn.config import Config
from uvicorn.server import ServerState

from tests.support.models.tiny import examples
from tests.support.server.held_registry import World
from tflite_serving.servers.asgi import AsgiShell
from tflite_serving.servers.uvicorn_protocol import Protocol
from tflite_serving.service.service import Service
from tflite_serving.settings import Settings

ROWS = examples(40).inputs["features"]


def post(
    rows: Any, *headers: str, target: str = "/predict", version: str = "1.1", chunks: int = 0
) -> bytes:
    body = rows if isinstance(rows, bytes) else json.dumps({"instances": rows.tolist()}).encode()
    lines = [f"POST {target} HTTP/{version}", "Host: a", "Content-Type: application/json"]
    if chunks:
        size = -(-len(body) // chunks)
        parts = [body[at : at + size] for at in range(0, len(body), size)]
        body = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in [*parts, b""])
        lines.append("Transfer-Encoding: chunked")
    else:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, *headers, "", ""]).encode() + body


def get(target: str, *headers: str, method: str = "GET", body: bytes = b"") -> bytes:
    lines = [f"{method} {target} HTTP/1.1", "Host: a", f"Content-Length: {len(body)}"]
    return "\r\n".join([*lines, *headers, "", ""]).encode() + body


@dataclass
class Answer:
    """A response as a client reads it."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def essence(self) -> tuple[int, Any]:
        """What does not differ between two answers to one request."""
        if self.headers["content-type"] != "application/json":
            return self.status, self.body
        document = json.loads(self.body or b"null")
        if isinstance(document, dict):
            document.pop("request_id", None)
        return self.status, document


class _Reader:
    """httptools' callbacks for responses."""

    def __init__(self) -> None:
        self.answers: list[Answer] = []
        self.parser = httptools.HttpResponseParser(self)
        self.headers: dict[str, str] = {}
        self.body = b""

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers[name.decode().lower()] = value.decode()

    def on_body(self, body: bytes) -> None:
        self.body += body

    def on_message_complete(self) -> None:
        if self.parser.get_status_code() != 100:
            self.answers.append(Answer(self.parser.get_status_code(), self.headers, self.body))
        self.headers, self.body = {}, b""


class Client(asyncio.Transport):
    """The other end of a connection."""

    def __init__(self, service: Service) -> None:
        super().__init__()
        self.writes: list[bytes] = []
        self.is_closed = False
        self.is_paused = False
        self._reader = _Reader()
        self._more = asyncio.Event()
        config = Config(AsgiShell(service), log_config=None, ws="none", lifespan="off")
        config.load()
        state = ServerState()
        state.default_headers = [(b"date", b"today")]
        self.protocol = Protocol(config=config, server_state=state, app_state={})
        self.receiver: asyncio.Protocol = self.protocol
        self.protocol.connection_made(self)

    @property
    def answers(self) -> list[Answer]:
        """What has come until now."""
        return self._reader.answers

    def send(self, data: bytes) -> None:
        self.receiver.data_received(data)

    async def wait(self, answers: int) -> list[Answer]:
        """Until so many answers are there in all."""
        async with asyncio.timeout(30):
            while len(self.answers) < answers:
                self._more.clear()
                await self._more.wait()
        return self.answers

    async def wait_until_closed(self) -> None:
        async with asyncio.timeout(30):
            while not self.is_closed:
                self._more.clear()
                await self._more.wait()

    def write(self, data: Any) -> None:
        self.writes.append(bytes(data))
        self._reader.parser.feed_data(data)
        self._more.set()

    def close(self) -> None:
        self.is_closed = True
        self._more.set()

    abort = write_eof = close

    def can_write_eof(self) -> bool:
        return True

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        assert isinstance(protocol, asyncio.Protocol)
        self.receiver = protocol

    def is_closing(self) -> bool:
        return self.is_closed

    def pause_reading(self) -> None:
        self.is_paused = True

    def resume_reading(self) -> None:
        self.is_paused = False

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return ("127.0.0.1", 1234) if name in ("peername", "sockname") else default


def make(world: World, **environment: str) -> Service:
    world.publish()
    settings = Settings.from_env(
        {"MODEL_REGISTRY": world.store.uri, "MODELS": "iris", **environment}
    )
    return Service(settings, world.catalog("iris"), world.log)


def answer_with(service: Service, patch: pytest.MonkeyPatch) -> None:
    """As `server.answer_with`, for one test."""
    patch.setattr(Protocol, "service", service)
    patch.setattr(Protocol, "shell", AsgiShell(service))


def load(service: Service) -> None:
    for entry in service.catalog.entries:
        entry.get(60)


@pytest.fixture
def service(world: World, monkeypatch: pytest.MonkeyPatch) -> Service:
    """A service that has loaded, and answers what the protocol reads."""
    made = make(world)
    load(made)
    answer_with(made, monkeypatch)
    return made


def exchange(service: Service, reads: Sequence[bytes], answers: int) -> Client:
    """Sends what is read, one read after the other, and waits for so many answers."""

    async def run() -> Client:
        client = Client(service)
        for read in reads:
            client.send(read)
            await asyncio.sleep(0)
        await client.wait(answers)
        return client

    return asyncio.run(run())


def alone(service: Service, request: bytes) -> tuple[int, Any]:
    """The answer to a request that comes by itself, in two parts: uvicorn's way."""
    return exchange(service, [request[:5], request[5:-1], request[-1:]], 1).answers[0].essence


def test_a_whole_request_is_answered_within_the_read_with_one_write(service: Service) -> None:
    async def run() -> Client:
        client = Client(service)
        client.send(post(ROWS[:2]))
        return client  # without a turn of the loop

    client = asyncio.run(run())
    (answer,) = client.answers
    assert len(client.writes) == 1
    assert answer.essence == alone(service, post(ROWS[:2]))
    assert answer.headers["date"] == "today"
    assert answer.headers["content-length"] == str(len(answer.body))
    assert answer.headers["content-type"] == "application/json"
    assert {"x-request-id", "server-timing"} <= answer.headers.keys()
    assert not client.is_closed


REQUESTS = {
    "good": post(ROWS[:1]),
    "several": post(ROWS[1:4]),
    "in chunks": post(ROWS[4:6], chunks=3),
    "expects": post(ROWS[6:7], "Expect: 100-continue"),
    "by name": post(ROWS[7:8], target="/models/iris/predict?top_k=1"),
    "encoded": post(ROWS[8:9], target="/models/%69ris/predict"),
    "absolute": post(ROWS[9:10], target="http://a/predict"),
    "fragment": post(ROWS[10:11], target="/predict#x"),
    "invalid": post(b'{"instances": [[1]]}'),
    "nothing": post(b""),
    "live": get("/v2/health/live"),
    "ready": get("/v2/health/ready"),
    "head": get("/v2/health/live", method="HEAD"),
    "no path": get("http://"),
    "star": get("*", method="OPTIONS"),
    "two slashes": get("//x/predict"),
    "half a percent": get("/v2/health/liv%e"),
    "far": get("a:1", method="CONNECT"),
    "offer": post(ROWS[11:12], "Upgrade: h2c", "Connection: Upgrade, HTTP2-Settings"),
    "offer in chunks": post(ROWS[12:14], "Upgrade: x", "Connection: upgrade", chunks=3),
    "offer of a get": get("/v2/health/live", "Upgrade: websocket", "Connection: Upgrade"),
    "body of a get": get("/v2/health/live", body=b"{" * 50),
}


@pytest.mark.parametrize("request_", REQUESTS.values(), ids=REQUESTS.keys())
def test_it_does_not_matter_in_how_many_parts_a_request_comes(
    service: Service, request_: bytes
) -> None:
    (whole,) = exchange(service, [request_], 1).answers
    assert whole.essence == alone(service, request_)


@pytest.fixture
def alone_answers(service: Service) -> dict[str, tuple[int, Any]]:
    """What each request is answered by itself."""
    return {name: alone(service, request) for name, request in REQUESTS.items()}


@hypothesis_settings(
    deadline=None,
    max_examples=200,
    suppress_health_check=[HealthCheck.function_scoped_fixture],  # it has no state of a request
)
@given(data=st.data())
def test_requests_cut_anywhere_are_answered_each_once_and_in_order(
    service: Service, alone_answers: dict[str, tuple[int, Any]], data: st.DataObject
) -> None:
    # The others end the connection, or are more than a response parser can tell apart.
    kept = [name for name in REQUESTS if alone_answers[name][0] == 200 and name != "head"]
    kept.append("invalid")
    names = data.draw(st.lists(st.sampled_from(kept), min_size=1, max_size=6))
    stream = b"".join(REQUESTS[name] for name in names)
    cuts = sorted(data.draw(st.sets(st.integers(1, len(stream) - 1), max_size=8)))
    reads = [stream[at:to] for at, to in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    client = exchange(service, reads, len(names))
    assert [answer.essence for answer in client.answers] == [alone_answers[name] for name in names]


def test_what_is_left_of_a_body_nobody_wanted_is_not_the_next_request_s(service: Service) -> None:
    request = get("/v2/health/live", body=b"[" * 1000)

    async def run() -> Client:
        client = Client(service)
        client.send(request[:-600])
        await client.wait(1)
        client.send(request[-600:-300])
        client.send(request[-300:] + post(ROWS[:1]))
        await client.wait(2)
        return client

    first, second = asyncio.run(run()).answers
    assert first.status == 200
    assert second.essence == alone(service, post(ROWS[:1]))


@pytest.mark.parametrize(
    "request_",
    [post(ROWS[:1], "Connection: close"), post(ROWS[:1], version="1.0")],
    ids=["close", "1.0"],
)
def test_a_connection_that_ends_is_closed(service: Service, request_: bytes) -> None:
    client = exchange(service, [request_], 1)
    assert client.answers[0].status == 200
    assert client.answers[0].headers["connection"] == "close"
    assert client.is_closed


def test_one_client_s_requests_do_not_keep_others_waiting(service: Service) -> None:
    async def run() -> tuple[int, Client]:
        client = Client(service)
        client.send(post(ROWS[:1]) * 20)
        at_once = len(client.answers)
        await client.wait(20)
        return at_once, client

    at_once, client = asyncio.run(run())
    assert at_once == 1
    assert {answer.status for answer in client.answers} == {200}


def test_a_client_that_does_not_read_is_waited_for(service: Service) -> None:
    async def run() -> Client:
        client = Client(service)
        client.protocol.pause_writing()
        client.send(post(ROWS[:1]))
        for _ in range(5):
            await asyncio.sleep(0)
        assert client.writes == []
        client.protocol.resume_writing()
        await client.wait(1)
        return client

    assert asyncio.run(run()).answers[0].status == 200


def test_a_model_that_is_not_loaded_yet_is_waited_for(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = make(world)
    answer_with(made, monkeypatch)

    async def run() -> Client:
        client = Client(made)
        client.send(post(ROWS[:1]))
        assert client.answers == []
        await client.wait(1)
        return client

    assert asyncio.run(run()).answers[0].status == 200


def test_before_there_is_a_shell_the_application_answers(world: World) -> None:
    client = exchange(make(world), [post(ROWS[:1])], 1)
    assert client.answers[0].status == 200


def test_what_is_no_http_is_refused_and_closed(service: Service) -> None:
    whole = exchange(service, [post(b"zz", chunks=1).replace(b"2\r\nzz", b"zz\r\nzz")], 1)
    assert whole.answers[0].status == 400
    assert whole.is_closed
    assert exchange(service, [b"nonsense\r\n\r\n"], 1).answers[0].status == 400


def test_a_request_takes_no_place_while_it_is_answered_at_once(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = make(world, MAX_IN_FLIGHT="1")
    load(made)
    answer_with(made, monkeypatch)
    assert {exchange(made, [post(ROWS[:1])], 1).answers[0].status for _ in range(3)} == {200}
    made.admission.enter(1)  # somebody's slow one
    (answer,) = exchange(made, [post(ROWS[:1])], 1).answers
    assert (answer.status, cast("dict[str, Any]", answer.essence[1])["code"]) == (503, "overloaded")
    made.admission.leave(1, in_flight=True)


@pytest.mark.parametrize("has_answered_before", [False, True])
def test_half_a_head_is_given_up(
    service: Service, monkeypatch: pytest.MonkeyPatch, *, has_answered_before: bool
) -> None:
    monkeypatch.setattr("tflite_serving.servers.uvicorn_protocol._HEAD_SECONDS", 0.01)
    before = post(ROWS[:1]) if has_answered_before else b""
    client = exchange(service, [before + post(ROWS[:1])[:20]], 1 + has_answered_before)
    assert client.answers[-1].status == 408
    assert client.is_closed


def test_half_a_head_is_not_answered_before_the_request_in_front_of_it(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tflite_serving.servers.uvicorn_protocol._HEAD_SECONDS", 0.0)
    made = make(world)  # not loaded: the first request takes a while
    answer_with(made, monkeypatch)
    client = exchange(made, [post(ROWS[:1]) + post(ROWS[:1])[:20]], 1)
    assert client.answers[0].status == 200


def test_what_nobody_foresaw_is_no_malformed_request(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("no thread could be started")

    monkeypatch.setattr(Service, "answer_at_once", fail)
    assert exchange(service, [post(ROWS[:1])], 1).answers[0].status == 200


def test_a_head_that_comes_in_parts_is_not_given_up_later(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tflite_serving.servers.uvicorn_protocol._HEAD_SECONDS", 0.05)
    request = post(ROWS[:1])

    async def run() -> Client:
        client = Client(service)
        client.send(request[:20])
        client.send(request[20:])
        await client.wait(1)
        await asyncio.sleep(0.1)  # past what the first part was given
        client.send(request)
        await client.wait(2)
        return client

    client = asyncio.run(run())
    assert [answer.status for answer in client.answers] == [200, 200]
    assert not client.is_closed


def test_a_head_without_an_end_is_cut_off(service: Service) -> None:
    parts = [f"X-{index}: {'x' * 1000}\r\n".encode() for index in range(80)]
    client = exchange(service, [b"GET / HTTP/1.1\r\n", *parts], 1)
    assert client.answers[0].status == 431
    assert client.is_closed


def test_what_comes_before_a_head_is_not_counted_as_its_part(service: Service) -> None:
    large = post(json.dumps({"instances": ROWS[:1].tolist() * 900}).encode())
    assert len(large) > 2 * 2**14
    begun = large * 3 + post(ROWS[:1])[:20]
    client = exchange(service, [begun, post(ROWS[:1])[20:]], 4)
    assert {answer.status for answer in client.answers} == {200}
    assert not client.is_closed


def test_what_comes_behind_a_request_in_work_is_read_when_that_is_answered(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = make(world)  # not loaded: the first request takes a while
    answer_with(made, monkeypatch)

    async def run() -> tuple[Client, list[bool]]:
        client, pauses = Client(made), []
        client.send(post(ROWS[:1]))
        pauses.append(client.is_paused)
        client.send(post(ROWS[1:2])[:20])
        await asyncio.sleep(0)  # whoever waits for the client to leave reads on, but for this
        pauses.append(client.is_paused)
        await client.wait(1)
        await asyncio.sleep(0)
        pauses.append(client.is_paused)
        client.send(post(ROWS[1:2])[20:])
        await client.wait(2)
        return client, pauses

    client, pauses = asyncio.run(run())
    assert pauses == [False, True, False]
    assert [answer.status for answer in client.answers] == [200, 200]


def test_more_than_a_few_requests_behind_one_in_work_end_the_connection(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tflite_serving.servers.uvicorn_protocol._MOST_WAITING", 3)
    made = make(world)
    answer_with(made, monkeypatch)
    client = exchange(made, [post(ROWS[:1]) + get("/v2/health/live") * 5], 4)
    assert [answer.headers.get("connection") for answer in client.answers] == [
        *(None, None, None),
        "close",
    ]
    assert client.is_closed


def test_what_is_no_http_behind_a_request_in_work_takes_not_its_place(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = make(world)
    answer_with(made, monkeypatch)
    client = exchange(made, [post(ROWS[:1]), b"nonsense\r\n\r\n"], 1)
    assert client.answers[0].status == 200
    assert client.answers[0].headers["connection"] == "close"
    assert client.is_closed


def test_a_malformed_body_behind_a_request_in_work_is_refused_after_it(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = make(world)
    answer_with(made, monkeypatch)
    wrong = post(b"zz", chunks=1).replace(b"2\r\nzz", b"zz\r\nzz")
    client = exchange(made, [post(ROWS[:1]), post(ROWS[:1]) + wrong], 3)
    assert [answer.status for answer in client.answers] == [200, 200, 400]
    assert client.is_closed


def test_the_rest_of_a_small_body_is_waited_for_only_so_long(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tflite_serving.servers.uvicorn_protocol._REST_SECONDS", 0.05)
    request = get("/nowhere", method="POST", body=b"[" * 1000)

    async def run() -> Client:
        client = Client(service)
        client.send(request[:-600])
        (answer,) = await client.wait(1)
        assert "connection" not in answer.headers
        await client.wait_until_closed()
        return client

    assert asyncio.run(run()).answers[0].status == 404


def test_a_connection_at_rest_is_always_given_up_in_the_end(service: Service) -> None:
    async def run() -> None:
        client = Client(service)
        client.send(post(ROWS[:1]))
        for blank in (b"\r\n", b"\r\n\r\n"):  # is none of a request
            client.send(blank)
            assert client.protocol.timeout_keep_alive_task is not None

    asyncio.run(run())


def test_trailers_without_end_are_cut_off(service: Service) -> None:
    begin = post(ROWS[:1], chunks=1)[:-2]
    client = exchange(service, [begin, *[b"X: y\r\n" * 2000] * 20], 1)
    assert client.answers[0].status == 400
    assert client.is_closed


def test_a_client_that_says_nothing_is_given_up(service: Service) -> None:
    async def run() -> Client:
        client = Client(service)
        assert client.protocol.timeout_keep_alive_task is not None
        client.protocol.timeout_keep_alive_handler()
        return client

    assert asyncio.run(run()).is_closed


def test_large_bodies_are_told_of_in_large_pieces(service: Service) -> None:
    """uvicorn would wake its task for each 64 KiB."""
    rows = json.dumps({"instances": ROWS[:1].tolist() * 20_000}).encode()
    request = post(rows)
    reads = [request[at : at + 2**16] for at in range(0, len(request), 2**16)]
    assert len(reads) > 15
    taken: list[int] = []

    async def run() -> Client:
        client = Client(service)
        for read in reads:
            client.send(read)
            cycle = client.protocol.cycle
            if cycle is not None and cycle.message_event.is_set():
                taken.append(len(cycle.body))
            await asyncio.sleep(0)
        await client.wait(1)
        return client

    (answer,) = asyncio.run(run()).answers
    assert answer.essence[1]["code"] == "batch_too_large"
    assert len(taken) < len(reads) / 2
