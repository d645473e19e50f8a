from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from model_export.errors import RegistryError
from model_export.registry.bucket import WritableBucket
from model_export.registry.verbs import list_versions, move_alias, publish, read_named_alias
from tests.support.fake_gcs import FakeGcs, free_port
from tests.support.stores import PATIENCE_SECONDS, Artifact, BucketRegistry
from tests.support.troubled_server import (
    Answer,
    TroubledServer,
    forward,
    forward_and_lose_the_answer,
    silence,
    status,
    troubled_server,
)
from tflite_serving.errors import AccessDenied, StoreError, StoreUnreachable

SHORT_PATIENCE_SECONDS = 1.0
PATH = "models/iris/aliases/production.json"
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
        yield WritableBucket(bucket, "", patience), server


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
        ASKS[ask](WritableBucket("shop", "", SHORT_PATIENCE_SECONDS), source)
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
    publish(WritableBucket(bucket.bucket.name, "", 10), artifact.manifest, artifact.folder)
    upstream = forward(fake_gcs.url)
    answers = upstream, upstream, forward_and_lose_the_answer(fake_gcs.url), upstream
    name = bucket.bucket.name
    with bad_day(monkeypatch, *answers, bucket=name, patience=PATIENCE_SECONDS) as (store, _):
        moved = move_alias(store, "iris", "production", artifact.manifest.version, "publish")
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
