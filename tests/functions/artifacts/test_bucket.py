from __future__ import annotations

import base64
import gc
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from google.oauth2.credentials import Credentials

from tests.support.fake_gcs import free_port
from tests.support.stores import BucketRegistry
from tests.support.troubled_server import (
    Answer,
    TroubledServer,
    silence,
    status,
    stops_after,
    troubled_server,
    whole_or_rest,
)
from tflite_serving.artifacts.bucket import BucketStore
from tflite_serving.artifacts.opening import open_store
from tflite_serving.errors import AccessDenied, ObjectNotFound, StoreError, StoreUnreachable

PATIENCE_SECONDS = 1.0
PATH = "models/iris/aliases/production.json"
URI = f"gs://shop/registry/{PATH}"


@pytest.fixture
def cloudless(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    """A machine that knows of no Google account, project or metadata server."""
    for name in (
        "API_ENDPOINT_OVERRIDE",
        "GCLOUD_PROJECT",
        "GOOGLE_APPLICATION_CREDENTIALS",
        "GOOGLE_CLOUD_PROJECT",
        "STORAGE_EMULATOR_HOST",
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NO_GCE_CHECK", "true")
    monkeypatch.setenv("PATH", str(tmp_path))
    return monkeypatch


@contextmanager
def bad_day(
    monkeypatch: pytest.MonkeyPatch, *answers: Answer, patience_seconds: float = PATIENCE_SECONDS
) -> Iterator[tuple[BucketStore, TroubledServer]]:
    """A store whose bucket answers like this."""
    with troubled_server(*answers) as server:
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", server.url)
        yield BucketStore("shop", "registry", patience_seconds), server


@contextmanager
def at_most(seconds: float) -> Iterator[None]:
    began = time.monotonic()
    yield
    assert time.monotonic() - began < seconds


def test_a_prefix_goes_before_every_path(bucket: BucketRegistry, tmp_path: Path) -> None:
    bucket.write(f"team/vision/{PATH}", b"there")
    store = open_store(f"{bucket.uri}/team/vision/")
    assert store.read(PATH).data == b"there"
    store.fetch(PATH, tmp_path / "here")
    assert (tmp_path / "here").read_bytes() == b"there"
    with pytest.raises(ObjectNotFound):
        open_store(bucket.uri).read(PATH)


def test_nothing_of_a_bucket_is_local(bucket: BucketRegistry) -> None:
    bucket.write(PATH, b"there")
    assert open_store(bucket.uri).local(PATH) is None


def test_the_generation_changes_with_every_write(bucket: BucketRegistry) -> None:
    bucket.write(PATH, b"same")
    first = open_store(bucket.uri).read(PATH)
    bucket.write(PATH, b"same")
    second = open_store(bucket.uri).read(PATH)
    assert (first.data, second.data) == (b"same", b"same")
    assert first.generation != second.generation


def test_an_object_that_is_not_there_is_not_found_by_name(
    bucket: BucketRegistry, tmp_path: Path
) -> None:
    store = open_store(bucket.uri)
    with pytest.raises(ObjectNotFound, match=f"{bucket.uri}/{PATH}"):
        store.read(PATH)
    with pytest.raises(ObjectNotFound, match=f"{bucket.uri}/{PATH}"):
        store.fetch(PATH, tmp_path / "here")
    assert not (tmp_path / "here").exists()


@pytest.mark.usefixtures("bucket")
def test_a_bucket_that_is_not_there_is_told_as_far_as_storage_tells() -> None:
    with pytest.raises(ObjectNotFound, match=r"gs://nobody-has-this/.*no such object or bucket"):
        open_store("gs://nobody-has-this").read(PATH)


@pytest.mark.parametrize("code", [429, 500, 502, 503, 504, 408])
def test_an_error_that_passes_is_tried_again(monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    answers = status(code), status(200, b"there", {"X-Goog-Generation": "7"})
    with bad_day(monkeypatch, *answers, patience_seconds=10) as (store, server):
        stored = store.read(PATH)
    assert (stored.data, stored.generation) == (b"there", "7")
    assert len(server.requests) == 2


@pytest.mark.parametrize("arrived", [0, 3, 10_000, 99_999])
def test_a_download_that_breaks_off_is_continued(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, arrived: int
) -> None:
    body = bytes(range(250)) * 400
    answers = stops_after(body[:arrived], len(body) - arrived), whole_or_rest(body)
    with bad_day(monkeypatch, *answers, patience_seconds=10) as (store, _):
        store.fetch(PATH, tmp_path / "here")
        assert store.read(PATH).data == body
    assert (tmp_path / "here").read_bytes() == body


@pytest.mark.parametrize("code", [429, 503])
def test_an_error_that_does_not_pass_is_told_after_the_patience(
    monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    with bad_day(monkeypatch, status(code)) as (store, server):
        with at_most(5), pytest.raises(StoreUnreachable, match=f"within 1 s .*{code}") as caught:
            store.read(PATH)
        assert len(server.requests) > 1
    assert URI in str(caught.value)


def test_a_download_that_breaks_off_for_good_is_told_after_the_patience(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with (
        bad_day(monkeypatch, stops_after(b"half of ", 2), status(503)) as (store, _),
        at_most(5),
        pytest.raises(StoreUnreachable, match=URI),
    ):
        store.fetch(PATH, tmp_path / "here")


def test_a_server_that_never_answers_is_given_up_after_the_patience(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with bad_day(monkeypatch, silence) as (store, _):
        with at_most(5), pytest.raises(StoreUnreachable, match="no answer within 1 s") as read:
            store.read(PATH)
        with at_most(5), pytest.raises(StoreUnreachable, match="no answer within 1 s") as fetch:
            store.fetch(PATH, tmp_path / "here")
    assert URI in str(read.value)
    assert URI in str(fetch.value)


def test_a_server_that_answers_after_the_patience_is_given_up_and_may_be_asked_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with bad_day(monkeypatch, silence, status(200, b"there")) as (store, server):
        with at_most(5), pytest.raises(StoreUnreachable):
            store.read(PATH)
        server.released.set()
        assert store.read(PATH).data == b"there"


def test_a_port_that_nobody_listens_on_is_given_up_after_the_patience(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", f"http://127.0.0.1:{free_port()}")
    store = BucketStore("shop", "registry", PATIENCE_SECONDS)
    with at_most(5), pytest.raises(StoreUnreachable, match="no answer") as caught:
        store.read(PATH)
    assert URI in str(caught.value)


def test_connecting_takes_no_longer_than_the_patience() -> None:
    assert BucketStore("shop", "", 2.0).timeout == (2.0, 2.0)
    assert BucketStore("shop", "", 60.0).timeout[0] < 60.0


def test_a_refused_identity_is_told_which_role_it_needs_and_not_tried_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with bad_day(monkeypatch, status(403)) as (store, server):
        with pytest.raises(AccessDenied, match=r"storage\.objectViewer") as caught:
            store.read(PATH)
        assert len(server.requests) == 1
    assert URI in str(caught.value)


def test_reading_an_object_is_one_request(monkeypatch: pytest.MonkeyPatch) -> None:
    with bad_day(monkeypatch, status(200, b"there")) as (store, server):
        store.read(PATH)
    assert len(server.requests) == 1
    assert server.requests[0].startswith("GET /download/storage/v1/b/shop/o/registry%2Fmodels%2F")


def test_what_is_not_there_is_not_asked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    with bad_day(monkeypatch, status(404)) as (store, server):
        with pytest.raises(ObjectNotFound, match=URI):
            store.read(PATH)
        assert len(server.requests) == 1


@pytest.mark.parametrize("code", [400, 409, 412, 501])
def test_any_other_refusal_is_told_with_its_status(
    monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    with (
        bad_day(monkeypatch, status(code, b"because")) as (store, _),
        at_most(5),
        pytest.raises(StoreError, match=str(code)) as caught,
    ):
        store.read(PATH)
    assert URI in str(caught.value)


def test_bytes_that_changed_on_the_way_are_not_taken(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    checksum = base64.b64encode(bytes(4)).decode()
    answer = status(200, b"there", {"X-Goog-Hash": f"crc32c={checksum}"})
    with bad_day(monkeypatch, answer) as (store, _):
        with pytest.raises(StoreUnreachable, match="checksum") as read:
            store.read(PATH)
        with pytest.raises(StoreUnreachable, match="checksum"):
            store.fetch(PATH, tmp_path / "here")
    assert URI in str(read.value)


def test_something_that_is_no_storage_server_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    with (
        bad_day(monkeypatch, status(302, b"", {"Location": "/elsewhere"})) as (store, _),
        at_most(5),
        pytest.raises(StoreError, match=URI),
    ):
        store.read(PATH)


@pytest.mark.usefixtures("cloudless")
def test_missing_credentials_are_told_with_the_command_that_gets_them() -> None:
    store = BucketStore("shop", "registry", PATIENCE_SECONDS)
    with pytest.raises(AccessDenied, match="gcloud auth application-default login"):
        store.read(PATH)


@contextmanager
def logged_in(
    monkeypatch: pytest.MonkeyPatch, *answers: Answer
) -> Iterator[tuple[BucketStore, TroubledServer]]:
    """A store for somebody who is logged in, but never chose a project."""
    with troubled_server(*answers) as server:
        place = f"{server.url}/token"
        account: Any = Credentials(None, "refresh", None, place, "client", "secret")  # type: ignore[no-untyped-call]
        monkeypatch.setattr("google.auth.default", lambda **options: (account, None))
        monkeypatch.setenv("API_ENDPOINT_OVERRIDE", server.url)
        yield BucketStore("shop", "registry", PATIENCE_SECONDS), server


JSON = {"Content-Type": "application/json"}
TOKEN = status(200, b'{"access_token": "open", "expires_in": 3600}', JSON)


def test_credentials_need_no_project(cloudless: pytest.MonkeyPatch) -> None:
    with logged_in(cloudless, TOKEN, status(200, b"there")) as (store, _):
        assert store.read(PATH).data == b"there"


def test_credentials_that_are_no_longer_valid_are_told_with_the_command_that_renews_them(
    cloudless: pytest.MonkeyPatch,
) -> None:
    with (
        logged_in(cloudless, status(400, b'{"error": "invalid_grant"}', JSON)) as (store, _),
        pytest.raises(AccessDenied, match="gcloud auth application-default login") as caught,
    ):
        store.read(PATH)
    assert URI in str(caught.value)
    assert "invalid_grant" in str(caught.value)


@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")  # Google's, of the first refusal
def test_a_token_that_storage_refuses_even_when_it_is_new_is_told(
    cloudless: pytest.MonkeyPatch,
) -> None:
    answers = TOKEN, status(401), TOKEN, status(401), TOKEN, status(401)
    with (
        logged_in(cloudless, *answers) as (store, _),
        pytest.raises(AccessDenied, match="access denied") as caught,
    ):
        store.read(PATH)
    assert URI in str(caught.value)
    gc.collect()  # as long as the warning is let pass
