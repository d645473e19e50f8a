"""JSON to dataclasses: every complaint names the field."""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.examples.strategies import json_values
from tflite_serving.contract.codec import ContractError, decode, encode, parse_json, to_text


@dataclass(frozen=True)
class Leaf:
    word: str
    number: float = 0.0

    def __post_init__(self) -> None:
        if self.number < 0:
            raise ContractError("number", f"expected no negative number, got {self.number}")


@dataclass(frozen=True)
class Tree:
    count: int
    flag: bool
    kind: Literal["oak", "ash"]
    pair: tuple[int, str]
    leaves: tuple[Leaf, ...]
    by_name: Mapping[str, Leaf]
    maybe: str | None = None
    either: int | str = 0
    mixed: tuple[int, ...] | Leaf | None = None


GOOD: dict[str, Any] = {
    "count": 1,
    "flag": True,
    "kind": "oak",
    "pair": [1, "a"],
    "leaves": [{"word": "w"}],
    "by_name": {"x": {"word": "w"}},
}


def problem(**changes: Any) -> str:
    with pytest.raises(ContractError) as caught:
        decode(Tree, {**GOOD, **changes}, "tree")
    return str(caught.value)


def test_reads_every_kind_of_field() -> None:
    assert decode(Tree, GOOD, "tree") == Tree(
        count=1,
        flag=True,
        kind="oak",
        pair=(1, "a"),
        leaves=(Leaf("w"),),
        by_name={"x": Leaf("w")},
    )


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"count": True}, "tree.count: expected a whole number, got true"),
        ({"count": 1.0}, "tree.count: expected a whole number, got 1.0"),
        ({"count": None}, "tree.count: expected a whole number, got null"),
        ({"flag": 1}, "tree.flag: expected true or false, got 1"),
        ({"kind": "elm"}, "tree.kind: expected one of 'oak', 'ash', got 'elm'"),
        ({"kind": ["oak"]}, "tree.kind: expected one of 'oak', 'ash', got a list"),
        ({"pair": [1]}, "tree.pair: expected 2 items, got 1"),
        ({"pair": [1, 2]}, "tree.pair[1]: expected a string, got 2"),
        ({"pair": "ab"}, "tree.pair: expected a list, got 'ab'"),
        ({"leaves": {}}, "tree.leaves: expected a list, got an object"),
        ({"leaves": [{"word": "w"}, 3]}, "tree.leaves[1]: expected an object, got 3"),
        ({"leaves": [{}]}, "tree.leaves[0].word: expected a value, got nothing"),
        ({"by_name": []}, "tree.by_name: expected an object, got a list"),
        ({"by_name": {"a b": {}}}, "tree.by_name['a b'].word: expected a value, got nothing"),
        ({"maybe": 1}, "tree.maybe: expected a string, got 1"),
        ({"either": 1.5}, "tree.either: expected a whole number or a string, got 1.5"),
        ({"either": None}, "tree.either: expected a whole number or a string, got null"),
        ({"mixed": "x"}, "tree.mixed: expected a list or an object, got 'x'"),
        (
            {"leaves": [{"word": "w", "number": -1}]},
            "tree.leaves[0].number: expected no negative number, got -1.0",
        ),
        (
            {"leaves": [{"word": "w", "number": float("nan")}]},
            "tree.leaves[0].number: expected a finite number, got nan",
        ),
        (
            {"leaves": [{"word": "w", "number": 10**400}]},
            "tree.leaves[0].number: expected a finite number, got one beyond a float",
        ),
        (
            {"leaves": [{"word": "\ud800"}]},
            "tree.leaves[0].word: expected Unicode text, got '\\ud800'",
        ),
        (
            {"by_name": {"\ud800": {"word": "w"}}},
            "tree.by_name['\\ud800']: expected Unicode text, got '\\ud800'",
        ),
        ({"kind": "x" * 99}, f"tree.kind: expected one of 'oak', 'ash', got '{'x' * 57}...'"),
    ],
)
def test_a_complaint_names_the_field_what_was_expected_and_what_came(
    changes: dict[str, Any], message: str
) -> None:
    assert problem(**changes) == message


@pytest.mark.parametrize("value", [None, [], "x", 3])
def test_only_an_object_is_read_into_a_dataclass(value: object) -> None:
    with pytest.raises(ContractError, match=r"^tree: expected an object, got "):
        decode(Tree, value, "tree")


@pytest.mark.parametrize("field", list(GOOD))
def test_a_missing_field_is_named(field: str) -> None:
    rest = {key: value for key, value in GOOD.items() if key != field}
    with pytest.raises(ContractError) as caught:
        decode(Tree, rest, "tree")
    assert str(caught.value) == f"tree.{field}: expected a value, got nothing"
    assert caught.value.path == f"tree.{field}"


def test_a_whole_number_is_a_number_too() -> None:
    leaf = decode(Leaf, {"word": "w", "number": 3}, "leaf")
    assert type(leaf.number) is float


def test_unknown_fields_are_ignored_in_what_programs_write() -> None:
    assert decode(Leaf, {"word": "w", "later": {}}, "leaf") == Leaf("w")


@pytest.mark.parametrize(
    ("key", "advice"),
    [("nubmer", "did you mean 'number'?"), ("zzz", "known keys: word, number")],
)
def test_unknown_fields_are_refused_in_what_people_write(key: str, advice: str) -> None:
    with pytest.raises(ContractError) as caught:
        decode(Tree, {**GOOD, "leaves": [{"word": "w", key: 1}]}, "tree", unknown="refuse")
    assert str(caught.value) == f"tree.leaves[0].{key}: unknown key; {advice}"


def test_a_union_takes_the_first_that_fits() -> None:
    assert decode(Tree, {**GOOD, "mixed": [1]}, "tree").mixed == (1,)
    assert decode(Tree, {**GOOD, "mixed": {"word": "w"}}, "tree").mixed == Leaf("w")
    assert decode(Tree, {**GOOD, "either": "s"}, "tree").either == "s"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"a": NaN}', "doc: expected JSON, got NaN, which JSON does not have"),
        ("[-Infinity]", "doc: expected JSON, got -Infinity, which JSON does not have"),
        ('{"a": {"b": 1, "c": 2, "b": 3}}', "doc: expected each key once, got 'b' twice"),
        (
            '{\n "a" 1}',
            "doc: expected JSON, got Expecting ':' delimiter at line 2, column 6",
        ),
        ("", "doc: expected JSON, got Expecting value at line 1, column 1"),
        (b'"\xff"', "doc: expected UTF-8, got invalid start byte"),
        ('{"a": 1}'.encode("utf-16"), "doc: expected UTF-8, got invalid start byte"),
        (b'"\xed\xa0\x80"', "doc: expected UTF-8, got invalid continuation byte"),
        ("[" * 100_000, "doc: expected JSON, got too deep a nesting"),
        ("1" * 5000, "doc: expected JSON, got a number with too many digits"),
    ],
)
def test_what_is_no_strict_json_is_refused(text: str | bytes, message: str) -> None:
    with pytest.raises(ContractError) as caught:
        parse_json(text, "doc")
    assert str(caught.value) == message


@given(st.binary() | st.text())
def test_any_input_is_json_or_refused(text: bytes | str) -> None:
    try:
        parse_json(text, "doc")
    except ContractError as error:
        assert error.path == "doc"  # noqa: PT017  # anything else fails the test


@given(json_values)
def test_any_json_is_a_tree_or_refused(value: object) -> None:
    for field in dataclasses.fields(Tree):
        try:
            decode(Tree, {**GOOD, field.name: value}, "tree")
        except ContractError as error:
            assert error.path.startswith(f"tree.{field.name}")  # noqa: PT017


def test_encoding_loses_nothing() -> None:
    tree = Tree(
        count=1,
        flag=False,
        kind="ash",
        pair=(2, "b"),
        leaves=(Leaf("w", 0.1),),
        by_name={"ä": Leaf("v")},
        either="e",
        mixed=(1, 2),
    )
    assert decode(Tree, parse_json(to_text(tree), "tree"), "tree") == tree
    assert to_text(tree).endswith("}\n")
    assert '"ä"' in to_text(tree)


def test_what_has_no_place_in_a_document_is_not_written() -> None:
    with pytest.raises(TypeError, match="set has no place in a document"):
        encode({"a": {1}})
    with pytest.raises(ValueError, match="Out of range"):
        to_text([float("nan")])


def test_text_is_plain_json() -> None:
    assert json.loads(to_text(Leaf("w"))) == {"word": "w", "number": 0.0}


def test_a_key_that_is_there_twice_among_many_is_found_soon() -> None:
    text = "{" + "".join(f'"{number}":0,' for number in range(30_000)) + '"x":0,"x":0}'
    began = time.process_time()
    with pytest.raises(ContractError, match="expected each key once, got 'x' twice"):
        parse_json(text, "doc")
    assert time.process_time() - began < 1
