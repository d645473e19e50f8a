"""The document of steps between what clients send and what the model takes."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tflite_serving.contract.categories import (
    CategoryEncoding,
    Concatenation,
    Discretization,
    HashedCrossing,
    HashingSpec,
)
from tflite_serving.contract.codec import ContractError
from tflite_serving.contract.preprocessing import (
    LookupSpec,
    Operation,
    Preprocessing,
    Step,
    Vocabulary,
    Words,
    read_preprocessing,
    write_preprocessing,
)

COLORS = Vocabulary(strings=("red", "grün"), first=1, unknown=0)

LEVELS = Vocabulary(integers=(0, 2), first=1, unknown=0, encoding="one_hot", width=3)

SAID = Words(lower=True, strip=True, split="whitespace", length=4)

DOCUMENT = Preprocessing(
    steps=(
        Step(
            layer="words",
            inputs=("text",),
            outputs=("words",),
            lookup=LookupSpec(words=SAID, vocabulary=COLORS),
        ),
        Step(
            layer="color",
            inputs=("color",),
            outputs=("index",),
            lookup=LookupSpec(vocabulary=COLORS),
        ),
        Step(
            layer="again",
            inputs=("index",),
            outputs=("again",),
            lookup=LookupSpec(vocabulary=LEVELS),
        ),
    )
)


def test_it_is_read_as_it_was_written() -> None:
    assert read_preprocessing(write_preprocessing(DOCUMENT)) == DOCUMENT


@pytest.mark.parametrize(
    "operation",
    [
        HashingSpec(bins=9, masked="", salt=(1, 2**64 - 1), encoding="count"),
        HashingSpec(bins=9, masked=-3),
        HashedCrossing(bins=9, encoding="one_hot"),
        Discretization(edges=(-1.5, float(np.float32(0.1)), 3.0)),
        CategoryEncoding(width=4, encoding="multi_hot"),
        Concatenation(),
    ],
)
def test_a_step_of_any_kind_is_read_as_it_was_written(operation: Operation) -> None:
    kind = re.sub(r"(?<!^)(?=[A-Z])", "_", type(operation).__name__).lower().removesuffix("_spec")
    members: dict[str, Any] = {kind: operation}
    step = Step(layer="one", inputs=("a", "b"), outputs=("c",), **members)
    document = Preprocessing(steps=(step,), kept=("a",))
    assert read_preprocessing(write_preprocessing(document)) == document
    assert step.operation == operation


def test_the_model_gets_what_no_step_takes() -> None:
    assert DOCUMENT.tensors(["text", "age", "color"]) == ["age", "words", "again"]


def test_what_is_kept_the_model_gets_too() -> None:
    kept = replace(DOCUMENT, kept=("color",))
    assert kept.tensors(["text", "age", "color"]) == ["age", "color", "words", "again"]
    with pytest.raises(ContractError, match="kept: no step puts out 'shape'"):
        replace(DOCUMENT, kept=("shape",)).tensors(["text", "color"])


def test_what_is_made_of_an_input_has_its_origin_there() -> None:
    assert DOCUMENT.origins("again") == ["color"]
    assert DOCUMENT.origins("age") == ["age"]


@pytest.mark.parametrize(
    ("inputs", "problem"),
    [
        (["text"], r"steps\[1\].inputs: no step puts out 'color'"),
        (["text", "color", "index"], r"steps\[1\].outputs: 'index' is there already"),
    ],
)
def test_steps_that_do_not_fit_together_are_named(inputs: list[str], problem: str) -> None:
    with pytest.raises(ContractError, match=problem):
        DOCUMENT.tensors(inputs)


def change(**values: Any) -> Callable[[dict[str, Any]], None]:
    return lambda step: step["lookup"]["vocabulary"].update(values)


def only(**operation: Any) -> Callable[[dict[str, Any]], None]:
    """The step with another operation instead of its own."""

    def spoil(step: dict[str, Any]) -> None:
        step.pop("lookup")
        step.update(operation)

    return spoil


@pytest.mark.parametrize(
    ("spoil", "problem"),
    [
        (change(strings=["a", "a"]), "lookup.vocabulary.strings: expected each once"),
        (change(integers=[1]), "lookup.vocabulary.integers: expected none beside strings"),
        (change(encoding="count", width=2), "lookup.vocabulary.width: expected 3, got 2"),
        (change(unknowns=0), "lookup.vocabulary.unknowns: expected 1, or more beside unknown"),
        (change(share="remainder"), "lookup.vocabulary.share: expected 'hash'"),
        (change(salt=[1, 2**64]), "lookup.vocabulary.salt: expected two keys of 64 bits"),
        (
            lambda step: step["lookup"]["words"].update(ngrams=[0]),
            "lookup.words.ngrams: expected some, 1 or more, got [0]",
        ),
        (only(hashing={"bins": 0}), "hashing.bins: expected 1 or more, got 0"),
        (only(hashing={"bins": 1, "masked": ""}), "hashing.masked: expected none"),
        (only(hashing={"bins": 3, "salt": [1]}), "hashing.salt: expected two keys"),
        (only(discretization={"edges": [2, 1]}), "discretization.edges: expected some in order"),
        (
            only(category_encoding={"width": 0, "encoding": "count"}),
            "category_encoding.width: expected 1 or more",
        ),
        (
            only(hashed_crossing={"bins": 3, "encoding": "count"}),
            "hashed_crossing.encoding: expected one of 'int', 'one_hot'",
        ),
        (change(weights=[1.0]), "lookup.vocabulary.weights: expected some for tf_idf alone"),
        (
            change(encoding="tf_idf", width=3, weights=[1.0]),
            "lookup.vocabulary.weights: expected 3 of them, got 1",
        ),
        (
            change(encoding="count", width=3),
            "lookup.words.length: expected one for indices, and else none",
        ),
        (lambda step: step.update(inputs=[]), "inputs: expected at least one"),
        (lambda step: step.pop("lookup"), "lookup: expected one of lookup, hashing, "),
        (
            lambda step: step["lookup"]["words"].update(split="comma"),
            "lookup.words.split: expected one of",
        ),
    ],
)
def test_what_cannot_be_is_named(spoil: Callable[[dict[str, Any]], None], problem: str) -> None:
    document = json.loads(write_preprocessing(DOCUMENT))
    spoil(document["steps"][0])
    with pytest.raises(ContractError) as caught:
        read_preprocessing(json.dumps(document).encode())
    assert str(caught.value).startswith(f"preprocessing.steps[0].{problem}")
