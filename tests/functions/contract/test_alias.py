"""The alias document."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.examples.strategies import aliases, json_values, mutations
from tflite_serving.contract.alias import (
    AliasChange,
    AliasDocument,
    Share,
    read_alias,
    write_alias,
)
from tflite_serving.contract.codec import ContractError

OLD, NEW = "20260101T000000Z-00000000", "20260201T000000Z-11111111"
AT = "2026-02-01T00:00:00Z"
DOCUMENT = AliasDocument(
    model="iris",
    alias="production",
    version=OLD,
    canary=Share(NEW, 5),
    shadow=Share(NEW, 100),
    history=(AliasChange(OLD, AT, "somebody", "publish"),),
)


@given(aliases)
def test_every_alias_is_read_back_as_it_was_written(alias: AliasDocument) -> None:
    text = write_alias(alias)
    assert read_alias(text) == alias
    assert write_alias(read_alias(text.encode())) == text


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (
            {"version": "new"},
            "alias.version: expected a version such as 20260131T235959Z-0123abcd, got 'new'",
        ),
        ({"version": None}, "alias.version: expected a string, got null"),
        (
            {"model": ""},
            (
                "alias.model: expected 1 to 63 letters, digits, '.', '_' or '-', starting with a "
                "letter or digit, got ''"
            ),
        ),
        ({"alias": OLD}, f"alias.alias: expected a name, got {OLD!r}, which has a version's form"),
        (
            {"canary": {"version": NEW, "percent": 101}},
            "alias.canary.percent: expected 0 to 100, got 101.0",
        ),
        ({"canary": {"version": NEW}}, "alias.canary.percent: expected a value, got nothing"),
        (
            {"shadow": {"version": "x", "percent": 1}},
            "alias.shadow.version: expected a version such as 20260131T235959Z-0123abcd, got 'x'",
        ),
        ({"shadow": []}, "alias.shadow: expected an object, got a list"),
        ({"canry": None}, "alias.canry: unknown field; did you mean 'canary'?"),
        ({"Shadow": None}, "alias.Shadow: unknown field; did you mean 'shadow'?"),
        (
            {"history": [{"version": OLD, "at": "now", "by": "me", "action": "publish"}]},
            (
                "alias.history[0].at: expected an RFC 3339 time such as 2026-01-31T23:59:59Z, "
                "got 'now'"
            ),
        ),
        (
            {"schema_version": 2, "version": 7},
            (
                "alias.schema_version: expected at most 1, got 2: this program is older than the "
                "alias; use a newer release of it"
            ),
        ),
    ],
)
def test_a_complaint_names_the_field(changes: dict[str, Any], expected: str) -> None:
    document = json.loads(write_alias(DOCUMENT))
    with pytest.raises(ContractError) as caught:
        read_alias(json.dumps({**document, **changes}))
    assert str(caught.value) == expected


def test_unknown_fields_are_ignored_and_optional_ones_may_be_left_out() -> None:
    document = {"schema_version": 1, "model": "iris", "alias": "a", "version": OLD, "later": 1}
    assert read_alias(json.dumps(document)) == AliasDocument(model="iris", alias="a", version=OLD)


def test_a_move_ends_canary_and_shadow_and_adds_to_the_history() -> None:
    change = AliasChange(NEW, AT, "somebody", "promote")
    moved = DOCUMENT.moved(change)
    assert moved.version == NEW
    assert moved.canary is None
    assert moved.shadow is None
    assert moved.history == (*DOCUMENT.history, change)
    assert DOCUMENT.version == OLD


def test_the_history_keeps_the_newest_hundred_changes() -> None:
    alias = DOCUMENT
    for number in range(150):
        alias = alias.moved(AliasChange(NEW, AT, str(number), "promote"))
    assert [change.by for change in alias.history] == [str(number) for number in range(50, 150)]


@given(mutations(write_alias(DOCUMENT)))
@settings(deadline=None, max_examples=300)
def test_an_alias_changed_at_random_is_valid_or_refused(text: str) -> None:
    try:
        alias = read_alias(text)
    except ContractError as error:
        assert error.path.startswith("alias")  # noqa: PT017  # anything else fails the test
    else:
        assert read_alias(write_alias(alias)) == alias


@given(st.binary() | json_values.map(lambda value: json.dumps(value).encode()))
def test_any_bytes_are_an_alias_or_refused(data: bytes) -> None:
    with pytest.raises(ContractError, match=r"^alias"):
        read_alias(data)
