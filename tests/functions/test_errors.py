"""The errors of the function: statuses, headers, codes, and the tree that the module draws."""

from __future__ import annotations

import re

import pytest

from tflite_serving import errors
from tflite_serving.errors import (
    MethodNotAllowed,
    Overloaded,
    RequestError,
    ServingError,
    Stopping,
    TooLongWord,
    UnknownValue,
)

CLASSES = {
    name: value
    for name, value in vars(errors).items()
    if isinstance(value, type) and issubclass(value, Exception) and not name.startswith("_")
}


def test_the_statuses_that_the_module_draws_are_those_of_the_classes() -> None:
    assert errors.__doc__ is not None
    drawn = dict(re.findall(r"[├└]── (\w+) +(\d{3})\b", errors.__doc__))
    served = {name: kind for name, kind in CLASSES.items() if issubclass(kind, ServingError)}
    del served["ServingError"]
    assert drawn == {name: str(kind.status) for name, kind in served.items()}


def test_a_method_that_is_not_allowed_is_told_with_those_that_are() -> None:
    error = MethodNotAllowed("X" * 50, "/predict", ("GET", "POST"))
    assert (error.status, error.headers) == (405, {"Allow": "GET, POST"})
    assert error.message == f"/predict: expected GET or POST, got {'X' * 20}"


def test_what_passes_says_when_to_try_again() -> None:
    assert Overloaded("overloaded", "full", 3).headers == {"Retry-After": "3"}
    assert (Stopping().status, Stopping().headers) == (503, {"Retry-After": "1"})
    assert RequestError("malformed", "no").headers == {}


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (UnknownValue(2, "violet", "'violet'"), "unknown_value", "[2]: expected a value that the"),
        (TooLongWord(1, 4096), "word_too_long", "[1]: expected no word, or row of spaces, of more"),
    ],
)
def test_a_refused_value_has_its_place(error: errors.RefusedValue, code: str, message: str) -> None:
    assert (error.code, error.input) == (code, "")
    assert str(error).startswith(message)
