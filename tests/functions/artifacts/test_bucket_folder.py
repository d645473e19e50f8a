"""Names of a bucket's objects, and the errors about them."""

from __future__ import annotations

import pytest

from tflite_serving.artifacts.bucket_folder import BucketFolder
from tflite_serving.errors import (
    AccessDenied,
    IntegrityError,
    ObjectNotFound,
    ObjectTooLarge,
    StoreError,
    StoreUnreachable,
)

FOLDER = BucketFolder("shop", "ml/models", 2.5)
ROOT = BucketFolder("shop", "", 2.5)
PATH = "models/iris/aliases/production.json"
URI = f"gs://shop/ml/models/{PATH}"


def test_an_object_is_named_below_the_prefix_if_there_is_one() -> None:
    assert (FOLDER.uri, FOLDER.object_name(PATH)) == ("gs://shop/ml/models", f"ml/models/{PATH}")
    assert (ROOT.uri, ROOT.object_name(PATH)) == ("gs://shop", PATH)


@pytest.mark.parametrize(
    ("status", "kind", "message"),
    [
        (404, ObjectNotFound, f"{URI}: there is no such object or bucket"),
        (401, AccessDenied, f"{URI}: access denied (401); the identity needs "),
        (403, AccessDenied, f"{URI}: access denied (403); the identity needs "),
        (400, StoreError, f"{URI}: 400 Bad Request"),
    ],
)
def test_a_status_that_will_not_pass_is_an_error_of_its_kind(
    status: int, kind: type[StoreError], message: str
) -> None:
    error = FOLDER.refused(PATH, status, "Bad Request")
    assert type(error) is kind
    assert str(error).startswith(message)


def test_a_status_without_a_message_ends_there() -> None:
    assert str(ROOT.refused("", 500, "")) == "gs://shop: 500"


def test_every_other_error_names_the_object_and_what_was_expected() -> None:
    large = FOLDER.too_large(PATH, 100)
    assert isinstance(large, ObjectTooLarge)
    assert str(large).startswith(f"{URI}: expected at most 100 bytes, got more")
    short, long = FOLDER.wrong_size(PATH, 100, 99), FOLDER.wrong_size(PATH, 100, None)
    assert isinstance(short, IntegrityError)
    assert str(short) == f"{URI}: expected 100 bytes, got 99"
    assert str(long) == f"{URI}: expected 100 bytes, got more"
    unreachable = FOLDER.unreachable(PATH, "refused")
    assert isinstance(unreachable, StoreUnreachable)
    assert str(unreachable) == f"{URI}: no answer within 2.5 s (refused)"
    denied = FOLDER.no_credentials(PATH, "expired")
    assert isinstance(denied, AccessDenied)
    assert str(denied).startswith(f"{URI}: no valid Google credentials (expired); run `gcloud")
    assert FOLDER.again(PATH, "reset") == f"{URI}: not read (reset); it is tried again"
