from __future__ import annotations

import base64
import gc
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from google.oauth2.credentials import Credentials

from model_export.errors import RegistryError
from model_export.registry.gcs import WritableBucket
from model_export.registry.open import open_writable
from model_export.registry.operations import list_versions, move_alias, publish, read_named_alias
from model_export.registry.store import WritableStore
from tests.support.network.ports import free_port
from tests.support.storage.fake_gcs import FakeGcs
from tests.support.storage.stores import PATIENCE_SECONDS, Artifact, BucketRegistry
from tests.support.storage.troubled_server import (
    Answer,
    TroubledServer,
    forward,
    forward_and_lose_the_answer,
    silence,
    status,
    troubled_server,
)
from tflite_serving.artifacts.bucket_folder import BucketFolder
from tflite_serving.errors import AccessDenied, StoreError, StoreUnreachable

SHORT_PATIENCE_SECONDS = 1.0
PATH = "models/iris/aliases/production.json"
URI = f"gs://shop/registry/{PATH}"
Ask = Callable[[WritableBucket, Path], object]
ASKS: dict[str, Ask] = {
    "create": lambda store, source: store.create(PATH, source),
    "replace": lambda store, source: store.replace(PATH, source.read_bytes(), None),
    "files": lambda store, source: store.files("models/iris/aliases"),
}


@contextmanager
def bad_day(
    monkeypatch: pytest.MonkeyPatch, *answers: Answer, bucket: str = "shop", patience: float
) -> Iterator[tuple[WritableBucket, TroubledServer]]:
    """A store whose bucket answers like this."""
    with troubled_server(*answers) as server, monkeypatch.context() as patched:
        patched.setenv("STORAGE_EMULATOR_HOST", server.url)
        yield WritableBucket(BucketFolder(bucket, "", patience)), server


@pytest.fixture
def source(tmp_path: Path) -> Path:
    (tmp_path / "source").write_bytes(b"content")
    return tmp_path / "source"


@pytest.mark.parametrize("ask", ASKS)
@pytest.mark.parametrize("answer", [status(503), status(429), silence], ids=["503", "429", "none"])
def test_a_bucket_that_does_not_answer_is_given_up_after_the_patience(
    monkeypatch: pytest.MonkeyPatch, source: Path, answer: Answer, ask: str
) -> None:
    began = time.monotonic()
    with (
        bad_day(monkeypatch, answer, patience=SHORT_PATIENCE_SECONDS) as (store, _),
        pytest.raises(StoreUnreachable, match=r"gs://shop/models/iris/aliases.*within 1 s"),
    ):
        ASKS[ask](store, source)
    assert time.monotonic() - began < 5


@pytest.mark.parametrize("ask", ASKS)
def test_a_port_that_nobody_listens_on_is_given_up_after_the_patience(
    monkeypatch: pytest.MonkeyPatch, source: Path, ask: str
) -> None:
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", f"http://127.0.0.1:{free_port()}")
    began = time.monotonic()
    with pytest.raises(StoreUnreachable, match="gs://shop/models/iris/aliases"):
        ASKS[ask](WritableBucket(BucketFolder("shop", "", SHORT_PATIENCE_SECONDS)), source)
    assert time.monotonic() - began < 5


@pytest.mark.parametrize("ask", ASKS)
def test_an_identity_that_may_not_write_is_told_which_role_it_needs(
    monkeypatch: pytest.MonkeyPatch, source: Path, ask: str
) -> None:
    with bad_day(monkeypatch, status(403), patience=PATIENCE_SECONDS) as (store, server):
        with pytest.raises(AccessDenied, match=r"storage\.objectUser"):
            ASKS[ask](store, source)
        assert len(server.requests) == 1


@pytest.mark.parametrize("ask", ASKS)
def test_any_other_refusal_is_told_with_its_status(
    monkeypatch: pytest.MonkeyPatch, source: Path, ask: str
) -> None:
    with (
        bad_day(monkeypatch, status(400), patience=PATIENCE_SECONDS) as (store, _),
        pytest.raises(StoreError, match=r"gs://shop/models/iris/aliases.*400"),
    ):
        ASKS[ask](store, source)


@pytest.mark.parametrize("code", [429, 503])
def test_a_write_that_is_refused_for_a_moment_is_tried_again(
    monkeypatch: pytest.MonkeyPatch,
    bucket: BucketRegistry,
    fake_gcs: FakeGcs,
    source: Path,
    code: int,
) -> None:
    answers = status(code), forward(fake_gcs.url)
    name = bucket.bucket.name
    with bad_day(monkeypatch, *answers, bucket=name, patience=PATIENCE_SECONDS) as (store, _):
        store.create(PATH, source)
    assert bucket.read(PATH) == b"content"


def test_a_file_whose_upload_was_done_but_never_confirmed_is_no_conflict(
    monkeypatch: pytest.MonkeyPatch, bucket: BucketRegistry, fake_gcs: FakeGcs, source: Path
) -> None:
    answers = forward_and_lose_the_answer(fake_gcs.url), forward(fake_gcs.url)
    name = bucket.bucket.name
    with bad_day(monkeypatch, *answers, bucket=name, patience=PATIENCE_SECONDS) as (store, server):
        store.create(PATH, source)
        assert [line.split("/")[1] for line in server.requests] == ["upload", "upload", "download"]
    assert bucket.read(PATH) == b"content"


def test_an_alias_whose_move_was_done_but_never_confirmed_is_no_conflict(
    monkeypatch: pytest.MonkeyPatch, bucket: BucketRegistry, fake_gcs: FakeGcs, artifact: Artifact
) -> None:
    publish(open_writable(bucket.uri), artifact.manifest, artifact.folder)
    upstream = forward(fake_gcs.url)
    answers = upstream, upstream, forward_and_lose_the_answer(fake_gcs.url), upstream
    name = bucket.bucket.name
    with bad_day(monkeypatch, *answers, bucket=name, patience=PATIENCE_SECONDS) as (store, _):
        moved = move_alias(store, "iris", "production", artifact.manifest.version, "publish").alias
        assert read_named_alias(store, "iris", "production") == moved
    assert len(moved.history) == 1


def test_an_operator_is_told_what_the_store_tells(
    monkeypatch: pytest.MonkeyPatch, artifact: Artifact
) -> None:
    with bad_day(monkeypatch, status(403), patience=PATIENCE_SECONDS) as (store, _):
        with pytest.raises(RegistryError, match=r"golden\.npz: access denied") as caught:
            publish(store, artifact.manifest, artifact.folder)
        assert caught.value.exit_code == 5
        with pytest.raises(RegistryError, match="access denied"):
            list(list_versions(store))


def test_bytes_that_changed_on_the_way_are_not_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    checksum = base64.b64encode(bytes(4)).decode()
    answer = status(200, b"there", {"X-Goog-Hash": f"crc32c={checksum}"})
    with (
        bad_day(monkeypatch, answer, patience=SHORT_PATIENCE_SECONDS) as (store, _),
        pytest.raises(StoreUnreachable, match=f"gs://shop/{PATH}.*checksum"),
    ):
        store.read(PATH)


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


@pytest.mark.usefixtures("cloudless")
def test_missing_credentials_are_told_with_the_command_that_gets_them() -> None:
    store = open_writable("gs://shop/registry", PATIENCE_SECONDS)
    with pytest.raises(AccessDenied, match="gcloud auth application-default login"):
        store.read(PATH)


@contextmanager
def logged_in(
    monkeypatch: pytest.MonkeyPatch, *answers: Answer
) -> Iterator[tuple[WritableStore, TroubledServer]]:
    """A store for somebody who is logged in, but never chose a project."""
    with troubled_server(*answers) as server:
        place = f"{server.url}/token"
        account: Any = Credentials(None, "refresh", None, place, "client", "secret")  # type: ignore[no-untyped-call]
        monkeypatch.setattr("google.auth.default", lambda **options: (account, None))
        monkeypatch.setenv("API_ENDPOINT_OVERRIDE", server.url)
        yield open_writable("gs://shop/registry", PATIENCE_SECONDS), server


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
