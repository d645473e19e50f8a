from __future__ import annotations

import json
import threading
import traceback
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import google.auth.exceptions
import pytest
from google.oauth2.credentials import Credentials as UserCredentials

from tests.support.network.ports import free_port
from tests.support.server.held_registry import Clock
from tests.support.storage.metadata_server import PATH, metadata_server, token_answer
from tests.support.storage.troubled_server import (
    Answer,
    TroubledServer,
    silence,
    status,
    trickle,
    troubled_server,
)
from tflite_serving.artifacts.connections import HttpServer
from tflite_serving.artifacts.credentials import (
    ApplicationDefault,
    CredentialsError,
    MetadataServer,
    find_credentials,
)
from tflite_serving.artifacts.retrying import TransientError

SILENCE_SECONDS = 5.0


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def asking(server: TroubledServer, clock: Clock | None = None) -> MetadataServer:
    return MetadataServer(HttpServer(server.url, SILENCE_SECONDS), clock or Clock())


def test_a_token_is_asked_for_once_until_shortly_before_its_end() -> None:
    clock = Clock()
    with metadata_server(seconds=3600) as server:
        credentials = asking(server, clock)
        assert credentials.headers() == bearer("token-1")
        clock.now += 3600 - 226
        assert credentials.headers() == bearer("token-1")
        assert server.requests == [PATH]
        clock.now += 2
        assert credentials.headers() == bearer("token-2")


def test_nothing_is_asked_before_the_first_request() -> None:
    with metadata_server() as server:
        asking(server)
        assert server.requests == []


def test_a_token_that_ends_soon_is_asked_for_each_time() -> None:
    with metadata_server(seconds=10) as server:
        credentials = asking(server)
        assert credentials.headers() == bearer("token-1")
        assert credentials.headers() == bearer("token-2")


def test_a_refused_token_is_replaced_once_however_many_were_refused_it() -> None:
    with metadata_server() as server:
        credentials = asking(server)
        refused = credentials.headers()
        credentials.renew(refused)
        assert credentials.headers() == bearer("token-2")
        credentials.renew(refused)
        assert credentials.headers() == bearer("token-2")


def test_threads_that_need_a_token_at_once_ask_for_it_once() -> None:
    threads = 8
    start = threading.Barrier(threads)
    with metadata_server() as server:
        credentials = asking(server)

        def need() -> dict[str, str]:
            start.wait()
            return dict(credentials.headers())

        with ThreadPoolExecutor(threads) as pool:
            needed = [pool.submit(need) for _ in range(threads)]
        assert [future.result() for future in needed] == [bearer("token-1")] * threads
        assert len(server.requests) == 1


@pytest.mark.parametrize("code", [429, 500, 503])
def test_a_metadata_server_in_trouble_may_be_asked_again(code: int) -> None:
    with troubled_server(status(code), token_answer("late")) as server:
        credentials = asking(server)
        with pytest.raises(TransientError, match=f"metadata server: {code}"):
            credentials.headers()
        assert credentials.headers() == bearer("late")


def test_a_metadata_server_that_is_silent_or_absent_may_be_asked_again() -> None:
    with (
        troubled_server(silence) as server,
        pytest.raises(TransientError, match="metadata server: T"),
    ):
        MetadataServer(HttpServer(server.url, 0.05)).headers()
    absent = HttpServer(f"http://127.0.0.1:{free_port()}", SILENCE_SECONDS)
    with pytest.raises(TransientError, match="metadata server: ConnectionRefusedError"):
        MetadataServer(absent).headers()


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (status(404), "answered 404"),
        (status(200, b"<html>"), "is no token"),
        (status(200, b"[]"), "is no token"),
        (status(200, b'{"access_token": "secret"}'), "is no token"),
        (status(200, b'{"access_token": "secret", "expires_in": "?"}'), "is no token"),
    ],
)
def test_a_metadata_server_without_a_token_is_told_without_what_it_said(
    answer: Answer, reason: str
) -> None:
    with troubled_server(answer) as server:
        with pytest.raises(CredentialsError, match=reason) as caught:
            asking(server).headers()
        assert "secret" not in "".join(traceback.format_exception(caught.value, chain=True))


def test_on_cloud_run_the_metadata_server_is_asked_without_google_s_library(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("google.auth.default", None)
    with metadata_server() as server:
        host = server.url.removeprefix("http://")
        environ = {"K_SERVICE": "digits", "GCE_METADATA_HOST": host}
        credentials = find_credentials(environ, SILENCE_SECONDS)
        assert credentials.headers() == bearer("token-1")


@pytest.mark.parametrize(
    "environ",
    [
        {},
        {"GCE_METADATA_HOST": "127.0.0.1:1"},
        {"GOOGLE_APPLICATION_CREDENTIALS": "/key.json"},
        {"GOOGLE_APPLICATION_CREDENTIALS": "/key.json", "K_SERVICE": "digits"},
    ],
)
def test_elsewhere_and_for_explicit_credentials_google_s_library_decides(
    monkeypatch: pytest.MonkeyPatch, environ: dict[str, str]
) -> None:
    with logged_in(monkeypatch, token_of_user("token")) as (_, server):
        credentials = find_credentials(environ, SILENCE_SECONDS)
        assert server.requests == []
        assert credentials.headers()["authorization"] == "Bearer token"


def token_of_user(token: str) -> Answer:
    document = {"access_token": token, "expires_in": 3600}
    return status(200, json.dumps(document).encode(), {"Content-Type": "application/json"})


@contextmanager
def logged_in(
    monkeypatch: pytest.MonkeyPatch, *answers: Answer
) -> Iterator[tuple[Any, TroubledServer]]:
    """A user of gcloud, whose tokens come from a server that answers like this."""
    with troubled_server(*answers) as server:
        place = f"{server.url}/token"
        user: Any = UserCredentials(None, "refresh", None, place, "client", "secret")  # type: ignore[no-untyped-call]
        monkeypatch.setattr("google.auth.default", lambda **options: (user, None))
        yield user, server


def test_a_user_s_token_is_renewed_before_its_end_and_when_it_was_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answers = [token_of_user(f"token-{number}") for number in (1, 2, 3)]
    with logged_in(monkeypatch, *answers) as (user, _):
        credentials = ApplicationDefault()
        first, again = credentials.headers(), credentials.headers()
        assert first["authorization"] == again["authorization"] == "Bearer token-1"
        user.expiry = datetime.now(UTC).replace(tzinfo=None) + timedelta(seconds=60)
        second = credentials.headers()
        assert second["authorization"] == "Bearer token-2"
        credentials.renew(first)
        assert credentials.headers()["authorization"] == "Bearer token-2"
        credentials.renew(second)
        assert credentials.headers()["authorization"] == "Bearer token-3"


def test_a_login_that_is_no_longer_valid_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    expired = status(400, b'{"error": "invalid_grant"}', {"Content-Type": "application/json"})
    with (
        logged_in(monkeypatch, expired),
        pytest.raises(CredentialsError, match="invalid_grant"),
    ):
        ApplicationDefault().headers()


def test_a_login_whose_server_is_not_reached_may_be_tried_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(**_: object) -> object:
        raise google.auth.exceptions.TransportError("no route")  # type: ignore[no-untyped-call]

    monkeypatch.setattr("google.auth.default", fail)
    with pytest.raises(TransientError, match="TransportError"):
        ApplicationDefault().headers()


def test_a_machine_without_any_credentials_is_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("GOOGLE_APPLICATION_CREDENTIALS", "GOOGLE_CLOUD_PROJECT", "GCLOUD_PROJECT"):
        monkeypatch.delenv(name, raising=False)
    for name in ("CLOUDSDK_CONFIG", "HOME", "PATH"):
        monkeypatch.setenv(name, str(tmp_path))
    monkeypatch.setattr("google.auth.compute_engine._metadata._NO_GCE_CHECK", True)
    with pytest.raises(CredentialsError, match="default credentials were not found"):
        ApplicationDefault().headers()


def test_a_login_whose_server_trickles_is_given_up_and_tried_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    trickling = trickle(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n", b"{", 0.02)
    with logged_in(monkeypatch, trickling, token_of_user("token-1")):
        credentials = ApplicationDefault(seconds=0.5)
        with pytest.raises(TransientError, match=r"google-auth: no token within 0\.5 s"):
            credentials.headers()
        assert credentials.headers()["authorization"] == "Bearer token-1"
