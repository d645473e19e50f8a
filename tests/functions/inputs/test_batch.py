"""The count of instances in a request."""

from __future__ import annotations

import pytest

from tflite_serving.errors import RequestError
from tflite_serving.inputs.batch import ANY_SIZE, check_batch


@pytest.mark.parametrize("batch", [1, 7, 8])
def test_a_batch_may_be_as_large_as_the_limit(batch: int) -> None:
    check_batch(batch, 8, "instances")


def test_a_reader_without_a_limit_takes_any_count() -> None:
    check_batch(2**40, ANY_SIZE, "instances")


@pytest.mark.parametrize(
    ("batch", "code", "message"),
    [
        (0, "empty_batch", "inputs.a: expected at least one instance, got none"),
        (
            9,
            "batch_too_large",
            "expected at most 8 instances, got 9; send them in several requests",
        ),
    ],
)
def test_a_batch_of_another_size_is_refused(batch: int, code: str, message: str) -> None:
    with pytest.raises(RequestError) as caught:
        check_batch(batch, 8, "inputs.a")
    assert (caught.value.status, caught.value.code) == (400, code)
    assert caught.value.message == message
