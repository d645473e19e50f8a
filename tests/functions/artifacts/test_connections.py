from __future__ import annotations

import gc
import ssl
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.support.network.certificate import self_signed
from tests.support.storage.troubled_server import (
    Answer,
    Handler,
    status,
    stops_after,
    trickle,
    troubled_server,
)
from tflite_serving.artifacts import connections
from tflite_serving.artifacts.connections import HttpServer
from tflite_serving.artifacts.retrying import TransientError

SILENCE_SECONDS = 5.0


def ask(server: HttpServer) -> bytes:
    with server.get("/", {}) as answer:
        return answer.read()


def test_a_connection_is_used_again_also_after_an_error() -> None:
    with troubled_server(status(503, b"no"), status(200), status(200, b"yes")) as server:
        client = HttpServer(server.url, SILENCE_SECONDS)
        assert [ask(client) for _ in range(4)] == [b"no", b"", b"yes", b"yes"]
        assert server.connections == 1


def test_a_server_that_closes_after_each_answer_is_asked_again() -> None:
    def last(handler: Handler) -> None:
        handler.close_connection = True
        status(200, b"yes", {"Connection": "close"})(handler)

    with troubled_server(last) as server:
        client = HttpServer(server.url, SILENCE_SECONDS)
        assert [ask(client) for _ in range(3)] == [b"yes"] * 3
        assert server.connections == 3


@pytest.mark.parametrize("head", [b"HTTP/1.1 200 OK\r\n\r\n", b"HTTP/1.1 200 OK\r\n"])
@pytest.mark.filterwarnings("error")
def test_a_connection_that_is_given_up_is_closed(head: bytes) -> None:
    with troubled_server(trickle(head, b"X-A: b\r\n", 0.01)) as server:
        client = HttpServer(server.url, SILENCE_SECONDS, 0.1)
        for _ in range(3):
            with pytest.raises(TransientError):
                ask(client)
        gc.collect()


def test_an_answer_that_is_not_read_to_its_end_does_not_spoil_the_next() -> None:
    with troubled_server(status(200, b"first"), status(200, b"second")) as server:
        client = HttpServer(server.url, SILENCE_SECONDS)
        with client.get("/", {}):
            pass
        assert ask(client) == b"second"
        assert server.connections == 2


def test_a_failing_reader_does_not_spoil_the_next_answer() -> None:
    with troubled_server(status(200, b"first"), status(200, b"second")) as server:
        client = HttpServer(server.url, SILENCE_SECONDS)
        with pytest.raises(ZeroDivisionError), client.get("/", {}):
            1 / 0  # noqa: B018
        assert ask(client) == b"second"


def test_an_old_connection_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "_KEPT_SECONDS", 0.0)
    with troubled_server(status(200)) as server:
        client = HttpServer(server.url, SILENCE_SECONDS)
        ask(client)
        ask(client)
        assert server.connections == 2


def test_threads_have_connections_of_their_own() -> None:
    threads, body = 8, bytes(range(256)) * 1000
    with troubled_server(status(200, body)) as server:
        client = HttpServer(server.url, SILENCE_SECONDS)
        with ThreadPoolExecutor(threads) as pool:
            asked = [pool.submit(ask, client) for _ in range(10 * threads)]
        assert {future.result() for future in asked} == {body}
        assert server.connections <= threads


def test_kept_connections_are_closed_with_the_client() -> None:
    with troubled_server(status(200)) as server:
        client = HttpServer(server.url, SILENCE_SECONDS)
        ask(client)
        ((_, kept),) = client._kept
        del client
        gc.collect()
        assert kept.sock is None


@pytest.mark.parametrize("arrived", [b"", b"half of "])
def test_an_answer_that_breaks_off_is_told(arrived: bytes) -> None:
    with troubled_server(stops_after(arrived, 2)) as server:
        client = HttpServer(server.url, SILENCE_SECONDS)
        with pytest.raises(
            TransientError, match=f"{len(arrived)} of {len(arrived) + 2} bytes arrived"
        ):
            ask(client)


def test_no_redirect_is_followed() -> None:
    with (
        troubled_server(status(200, b"elsewhere")) as elsewhere,
        troubled_server(status(302, b"go", {"Location": elsewhere.url})) as server,
    ):
        assert ask(HttpServer(server.url, SILENCE_SECONDS)) == b"go"
        assert elsewhere.requests == []


@pytest.mark.parametrize("url", ["", "http://", "ftp://host", "http://host:port", "https:///path"])
def test_what_is_no_url_is_refused_at_once(url: str) -> None:
    with pytest.raises(ValueError, match=r"expected http|Port could not"):
        HttpServer(url, SILENCE_SECONDS)


@pytest.mark.parametrize("is_trusted", [True, False])
def test_https_is_for_servers_that_an_authority_vouches_for(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, *, is_trusted: bool
) -> None:
    certificate, key = self_signed(tmp_path, "localhost")
    if is_trusted:
        monkeypatch.setattr("certifi.where", lambda: str(certificate))
    answer: Answer = status(200, b"secure")
    with troubled_server(answer) as server:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        client = HttpServer(f"https://localhost:{server.server_port}", SILENCE_SECONDS)
        if is_trusted:
            assert ask(client) == b"secure"
        else:
            with pytest.raises(TransientError, match="SSLCertVerificationError"):
                ask(client)
