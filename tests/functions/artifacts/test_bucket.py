from __future__ import annotations

import base64
import hashlib
import os
import re
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import unquote

import pytest
from google.auth.exceptions import DefaultCredentialsError
from hypothesis import example, given
from hypothesis import strategies as st

from tests.support.network.ports import free_port
from tests.support.storage.metadata_server import metadata_server
from tests.support.storage.stores import BucketRegistry
from tests.support.storage.troubled_server import (
    Answer,
    TroubledServer,
    silence,
    status,
    stops_after,
    troubled_server,
    wants,
    whole_or_rest,
)
from tflite_serving.artifacts.opening import open_store
from tflite_serving.artifacts.store import Store
from tflite_serving.errors import AccessDenied, ObjectNotFound, StoreError, StoreUnreachable

PATIENCE_SECONDS = 1.0
PATH = "models/iris/aliases/production.json"
URI = f"gs://shop/registry/{PATH}"


@contextmanager
def bad_day(
    *answers: Answer, patience_seconds: float = PATIENCE_SECONDS
) -> Iterator[tuple[Store, TroubledServer]]:
    """A store whose bucket answers like this."""
    with troubled_server(*answers) as server:
        environ = {"STORAGE_EMULATOR_HOST": server.url}
        yield open_store("gs://shop/registry", patience_seconds, environ), server


@contextmanager
def at_most(seconds: float) -> Iterator[None]:
    began = time.monotonic()
    yield
    assert time.monotonic() - began < seconds


def test_a_prefix_goes_before_every_path(bucket: BucketRegistry, tmp_path: Path) -> None:
    bucket.write(f"team/vision/{PATH}", b"there")
    store = open_store(f"{bucket.uri}/team/vision/", environ=os.environ)
    assert store.read(PATH).data == b"there"
    store.fetch(PATH, tmp_path / "here")
    assert (tmp_path / "here").read_bytes() == b"there"
    with pytest.raises(ObjectNotFound):
        open_store(bucket.uri, environ=os.environ).read(PATH)


def test_nothing_of_a_bucket_is_local(bucket: BucketRegistry) -> None:
    bucket.write(PATH, b"there")
    assert open_store(bucket.uri, environ=os.environ).local(PATH) is None


def test_the_generation_changes_with_every_write(bucket: BucketRegistry) -> None:
    bucket.write(PATH, b"same")
    first = open_store(bucket.uri, environ=os.environ).read(PATH)
    bucket.write(PATH, b"same")
    second = open_store(bucket.uri, environ=os.environ).read(PATH)
    assert (first.data, second.data) == (b"same", b"same")
    assert first.generation != second.generation


def test_an_object_that_is_not_there_is_not_found_by_name(
    bucket: BucketRegistry, tmp_path: Path
) -> None:
    store = open_store(bucket.uri, environ=os.environ)
    with pytest.raises(ObjectNotFound, match=f"{bucket.uri}/{PATH}"):
        store.read(PATH)
    with pytest.raises(ObjectNotFound, match=f"{bucket.uri}/{PATH}"):
        store.fetch(PATH, tmp_path / "here")
    assert not (tmp_path / "here").exists()


@pytest.mark.usefixtures("bucket")
def test_a_bucket_that_is_not_there_is_told_as_far_as_storage_tells() -> None:
    with pytest.raises(ObjectNotFound, match=r"gs://nobody-has-this/.*no such object or bucket"):
        open_store("gs://nobody-has-this", environ=os.environ).read(PATH)


@pytest.mark.parametrize("code", [429, 500, 502, 503, 504, 408])
def test_an_error_that_passes_is_tried_again(code: int) -> None:
    answers = status(code), status(200, b"there", {"X-Goog-Generation": "7"})
    with bad_day(*answers, patience_seconds=10) as (store, server):
        stored = store.read(PATH)
    assert (stored.data, stored.generation) == (b"there", "7")
    assert len(server.requests) == 2


@pytest.mark.parametrize("arrived", [0, 3, 10_000, 99_999])
def test_a_download_that_breaks_off_arrives_whole(tmp_path: Path, arrived: int) -> None:
    body = bytes(range(250)) * 400
    answers = stops_after(body[:arrived], len(body) - arrived), whole_or_rest(body)
    with bad_day(*answers, patience_seconds=10) as (store, _):
        store.fetch(PATH, tmp_path / "here")
        assert store.read(PATH).data == body
    assert (tmp_path / "here").read_bytes() == body


@pytest.mark.parametrize("code", [429, 503])
def test_an_error_that_does_not_pass_is_told_after_the_patience(code: int) -> None:
    with bad_day(status(code)) as (store, server):
        with at_most(5), pytest.raises(StoreUnreachable, match=f"within 1 s .*{code}") as caught:
            store.read(PATH)
        assert len(server.requests) > 1
    assert URI in str(caught.value)


def test_a_download_that_breaks_off_for_good_is_told_after_the_patience(tmp_path: Path) -> None:
    with (
        bad_day(stops_after(b"half of ", 2), status(503)) as (store, _),
        at_most(5),
        pytest.raises(StoreUnreachable, match=URI),
    ):
        store.fetch(PATH, tmp_path / "here")


def test_a_server_that_never_answers_is_given_up_after_the_patience(tmp_path: Path) -> None:
    with bad_day(silence) as (store, _):
        with at_most(5), pytest.raises(StoreUnreachable, match="no answer within 1 s") as read:
            store.read(PATH)
        with at_most(5), pytest.raises(StoreUnreachable, match="no answer within 1 s") as fetch:
            store.fetch(PATH, tmp_path / "here")
    assert URI in str(read.value)
    assert URI in str(fetch.value)


def test_a_server_that_answers_after_the_patience_is_given_up_and_may_be_asked_again() -> None:
    with bad_day(silence, status(200, b"there")) as (store, server):
        with at_most(5), pytest.raises(StoreUnreachable):
            store.read(PATH)
        server.released.set()
        assert store.read(PATH).data == b"there"


def test_a_port_that_nobody_listens_on_is_given_up_after_the_patience() -> None:
    environ = {"STORAGE_EMULATOR_HOST": f"127.0.0.1:{free_port()}"}
    store = open_store("gs://shop/registry", PATIENCE_SECONDS, environ)
    with at_most(5), pytest.raises(StoreUnreachable, match="no answer") as caught:
        store.read(PATH)
    assert URI in str(caught.value)


def test_a_refused_identity_is_told_which_role_it_needs_and_not_tried_again() -> None:
    with bad_day(status(403)) as (store, server):
        with pytest.raises(AccessDenied, match=r"storage\.objectViewer") as caught:
            store.read(PATH)
        assert len(server.requests) == 1
    assert URI in str(caught.value)


def test_reading_an_object_is_one_request() -> None:
    with bad_day(status(200, b"there")) as (store, server):
        store.read(PATH)
    assert len(server.requests) == 1
    assert server.requests[0].startswith("GET /download/storage/v1/b/shop/o/registry%2Fmodels%2F")


def test_what_is_not_there_is_not_asked_for_again() -> None:
    with bad_day(status(404)) as (store, server):
        with pytest.raises(ObjectNotFound, match=URI):
            store.read(PATH)
        assert len(server.requests) == 1


@pytest.mark.parametrize("code", [400, 409, 412, 501])
def test_any_other_refusal_is_told_with_its_status(code: int) -> None:
    with (
        bad_day(status(code, b"because")) as (store, _),
        at_most(5),
        pytest.raises(StoreError, match=str(code)) as caught,
    ):
        store.read(PATH)
    assert URI in str(caught.value)


def test_bytes_that_changed_on_the_way_are_not_taken(tmp_path: Path) -> None:
    checksum = base64.b64encode(bytes(16)).decode()
    answer = status(200, b"there", {"X-Goog-Hash": f"crc32c=AAAAAA==,md5={checksum}"})
    with bad_day(answer, patience_seconds=0.1) as (store, _):
        with pytest.raises(StoreUnreachable, match="checksum") as read:
            store.read(PATH)
        with pytest.raises(StoreUnreachable, match="checksum"):
            store.fetch(PATH, tmp_path / "here")
    assert URI in str(read.value)


def test_something_that_is_no_storage_server_is_told() -> None:
    with (
        bad_day(status(302, b"", {"Location": "/elsewhere"})) as (store, _),
        at_most(5),
        pytest.raises(StoreError, match=URI),
    ):
        store.read(PATH)


@pytest.mark.parametrize("missing", [{}, {"X-Goog-Stored-Content-Encoding": "gzip"}])
def test_bytes_without_a_checksum_of_theirs_are_taken(missing: dict[str, str]) -> None:
    wrong = base64.b64encode(bytes(16)).decode()
    hashes = {"X-Goog-Hash": f"md5={wrong}"} if missing else {"X-Goog-Hash": "crc32c=AAAAAA=="}
    with bad_day(status(200, b"there", {**hashes, **missing})) as (store, _):
        assert store.read(PATH).data == b"there"


def test_bytes_that_changed_once_are_asked_for_again(tmp_path: Path) -> None:
    right = base64.b64encode(hashlib.md5(b"there", usedforsecurity=False).digest()).decode()
    headers = {"X-Goog-Hash": f"crc32c=AAAAAA==,md5={right}"}
    answers = status(200, b"whole, but changed", headers), status(200, b"there", headers)
    with bad_day(*answers) as (store, _):
        store.fetch(PATH, tmp_path / "here")
    assert (tmp_path / "here").read_bytes() == b"there"


def test_what_a_load_reads_comes_on_one_connection(tmp_path: Path) -> None:
    with bad_day(status(200, b"there")) as (store, server):
        store.read(PATH)
        store.read("models/iris/versions/1/manifest.json")
        store.fetch("models/iris/versions/1/model.tflite", tmp_path / "here")
        assert server.connections == 1


def test_a_disk_that_cannot_be_written_is_no_fault_of_the_bucket(tmp_path: Path) -> None:
    with bad_day(status(200, b"there")) as (store, server):
        with pytest.raises(FileNotFoundError):
            store.fetch(PATH, tmp_path / "no such folder" / "here")
        assert len(server.requests) == 1


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=20))
@example("a b")
@example("what?#not=%2F&+;")
@example("ümlaut/日本/\N{WOLF FACE}")
@example("*:@!$'(),[]\\|^`{}~\"<>")
def test_a_name_may_have_any_character(text: str) -> None:
    """Storage is asked for this name and no other, whatever its characters mean in a URL."""
    with bad_day(status(200, b"there")) as (store, server):
        store.read(text)
    (request,) = server.requests
    target = request.removeprefix("GET /download/storage/v1/b/shop/o/").removesuffix("?alt=media")
    assert re.fullmatch(r"[\w.~%-]+", target, re.ASCII)
    assert unquote(target) == f"registry/{text}"


@pytest.mark.parametrize("name", ["a b", "what?#not=%2F&+;", "ümlaut/日本", "*:@!$'(),[]~"])
def test_storage_finds_a_name_with_any_character(bucket: BucketRegistry, name: str) -> None:
    bucket.write(f"pre fix/{name}", b"there")
    assert open_store(f"{bucket.uri}/pre fix", environ=os.environ).read(name).data == b"there"


def token(number: int) -> dict[str, str | None]:
    return {"Authorization": f"Bearer token-{number}"}


@contextmanager
def on_cloud_run(
    monkeypatch: pytest.MonkeyPatch, answer: Answer
) -> Iterator[tuple[Store, TroubledServer, TroubledServer]]:
    """A store that shows tokens, the bucket that it shows them to, and who gives them."""
    with troubled_server(answer) as storage, metadata_server() as metadata:
        monkeypatch.setattr("tflite_serving.artifacts.bucket._STORAGE", storage.url)
        host = metadata.url.removeprefix("http://")
        environ = {"K_SERVICE": "iris", "GCE_METADATA_HOST": host}
        yield open_store("gs://shop/registry", PATIENCE_SECONDS, environ), storage, metadata


def test_a_token_is_shown_with_each_request_and_asked_for_once(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    answer = wants(token(1), status(200, b"there"), status(401))
    with on_cloud_run(monkeypatch, answer) as (store, _, metadata):
        assert store.read(PATH).data == b"there"
        store.fetch(PATH, tmp_path / "here")
        assert len(metadata.requests) == 1


def test_a_token_that_is_refused_is_renewed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    answer = wants(token(2), status(200, b"there"), status(401))
    with on_cloud_run(monkeypatch, answer) as (store, storage, metadata):
        assert store.read(PATH).data == b"there"
        assert (len(storage.requests), len(metadata.requests)) == (2, 2)


def test_a_token_that_is_refused_even_when_it_is_new_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with on_cloud_run(monkeypatch, status(401)) as (store, storage, _):
        with pytest.raises(AccessDenied, match=r"access denied \(401\).*objectViewer") as caught:
            store.read(PATH)
        assert len(storage.requests) == 2
    assert URI in str(caught.value)
    assert "token-" not in "".join(traceback.format_exception(caught.value))


def test_a_token_is_not_shown_to_another_server(monkeypatch: pytest.MonkeyPatch) -> None:
    with troubled_server(status(200, b"stolen")) as elsewhere:
        answer = status(302, b"", {"Location": f"{elsewhere.url}/"})
        with on_cloud_run(monkeypatch, answer) as (store, _, _), pytest.raises(StoreError):
            store.read(PATH)
        assert elsewhere.requests == []


def test_an_emulator_is_shown_no_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("google.auth.default", None)
    answer = wants({"Authorization": None}, status(200, b"there"), status(401))
    with troubled_server(answer) as server, metadata_server() as metadata:
        environ = {
            "STORAGE_EMULATOR_HOST": server.url.removeprefix("http://"),
            "GCE_METADATA_HOST": metadata.url.removeprefix("http://"),
            "K_SERVICE": "iris",
        }
        assert open_store("gs://shop", 10, environ).read(PATH).data == b"there"
        assert metadata.requests == []


def test_a_metadata_server_that_does_not_answer_is_told_after_the_patience() -> None:
    environ = {"K_SERVICE": "iris", "GCE_METADATA_HOST": f"127.0.0.1:{free_port()}"}
    store = open_store("gs://shop/registry", 0.3, environ)
    with pytest.raises(StoreUnreachable, match=r"within 0\.3 s \(metadata server: Conn") as caught:
        store.read(PATH)
    assert URI in str(caught.value)


def test_missing_credentials_are_told_with_the_command_that_gets_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(**_: object) -> object:
        raise DefaultCredentialsError("none were found")  # type: ignore[no-untyped-call]

    monkeypatch.setattr("google.auth.default", fail)
    with pytest.raises(
        AccessDenied, match=r"\(none were found\); run `gcloud auth application-default login`"
    ) as caught:
        open_store("gs://shop/registry", PATIENCE_SECONDS).read(PATH)
    assert URI in str(caught.value)


@pytest.mark.parametrize(
    ("environ", "variable"),
    [
        ({"STORAGE_EMULATOR_HOST": "ftp://here"}, "STORAGE_EMULATOR_HOST: expected http"),
        ({"K_SERVICE": "iris", "GCE_METADATA_HOST": "here:there"}, "GCE_METADATA_HOST: "),
    ],
)
def test_a_variable_that_is_no_address_is_named(environ: dict[str, str], variable: str) -> None:
    with pytest.raises(StoreError, match=variable):
        open_store("gs://shop", environ=environ)
