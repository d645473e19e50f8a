"""Bodies that are no JSON, and where they are wrong."""

from __future__ import annotations

import json

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.examples.strategies import json_values
from tflite_serving.dialects.json_body import parse_object
from tflite_serving.errors import RequestError
from tflite_serving.inputs.diagnose import nearest, shortened


def refusal(body: bytes) -> RequestError:
    with pytest.raises(RequestError) as caught:
        parse_object(body)
    return caught.value


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "body: expected a JSON object, got nothing"),
        (b" \n", "body: expected a JSON object, got nothing"),
        (b"[]", 'body: expected a JSON object such as {"instances": [...]}, got a list'),
        (b"1", 'body: expected a JSON object such as {"instances": [...]}, got a single value'),
        (b"null", 'body: expected a JSON object such as {"instances": [...]}, got a single value'),
    ],
)
def test_what_is_no_json_object_is_refused(body: bytes, message: str) -> None:
    error = refusal(body)
    assert (error.code, str(error)) == ("malformed_json", message)


def test_a_syntax_error_is_told_with_line_and_column() -> None:
    error = refusal(b'{"a":\n 1 2}')
    assert str(error).startswith("body: expected JSON, got ")
    assert "line 2 column 4" in str(error)
    assert error.code == "malformed_json"


@pytest.mark.parametrize(
    ("body", "place", "value"),
    [
        (b'{"instances": [[1, 2], [3, NaN]]}', "instances[1][1]", "nan"),
        (b'{"instances": [{"a b": [Infinity]}]}', "instances[0].a b[0]", "inf"),
        (b'{"instances": [1, -Infinity]}', "instances[1]", "-inf"),
        (b"NaN", "body", "nan"),
        (b'{"instances": [1e999]}', "instances[0]", "inf"),
        (b'{"\\ud800": NaN}', "\\ud800", "nan"),
    ],
)
def test_nan_and_infinity_are_named_by_place(body: bytes, place: str, value: str) -> None:
    error = refusal(body)
    assert error.code == "not_finite"
    assert str(error) == (f"{place}: expected a finite number, got {value}; JSON has no such value")


def test_nan_in_a_huge_body_is_refused_without_looking_for_it() -> None:
    body = b'{"instances": [' + b"1," * 2**20 + b"NaN]}"
    assert refusal(body).code == "malformed_json"


@pytest.mark.parametrize("value", [b"[]", b"{}", b"1"])
def test_a_huge_body_of_values_is_refused_without_making_them(value: bytes) -> None:
    body = b'{"instances": [' + (value + b",") * 8_000_001 + b"1]}"
    error = refusal(body)
    assert error.code == "too_many_values"


@pytest.mark.parametrize("levels", [900, 980, 990, 1000, 2000, 100_000])
def test_deep_nesting_is_refused_or_read(levels: int) -> None:
    for leaf in (b"NaN", b"1"):
        body = b'{"instances": ' + b"[" * levels + leaf + b"]" * levels + b"}"
        try:
            parse_object(body)
        except RequestError as error:
            assert error.code in {"malformed_json", "not_finite"}  # noqa: PT017


@given(st.binary() | json_values.map(lambda value: json.dumps(value).encode()))
def test_any_body_is_an_object_or_refused_in_words_that_can_be_sent(body: bytes) -> None:
    try:
        assert isinstance(parse_object(body), dict)
    except RequestError as error:
        assert orjson.dumps(error.message)  # noqa: PT017  # anything else fails the test


def test_advice_is_the_nearest_word_or_all() -> None:
    assert nearest("instance", ["instances"]) == "did you mean 'instances'?"
    assert nearest("zzz", ["a", "b"]) == "known: a, b"


def test_long_words_are_shortened() -> None:
    assert shortened("a" * 200) == "a" * 200
    assert shortened("a" * 201) == "a" * 200 + "…"
    assert nearest("x" * 10_000_000, ["a"]) == "known: a"
