"""How texts become tokens: what the document may say."""

from __future__ import annotations

import json

import pytest

from tflite_serving.contract.codec import ContractError
from tflite_serving.contract.preprocessing import read_preprocessing
from tflite_serving.contract.tokens import TokensSpec

TOKENS = {
    "file": "tokenizer.json",
    "start": 1,
    "end": 2,
    "padding": 0,
    "roles": ["token_ids", "padding_mask"],
    "buckets": [8, 16],
}


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"buckets": []}, "tokens.buckets: expected lengths from 3 on, rising, got []"),
        ({"buckets": [16, 8]}, "tokens.buckets: expected lengths from 3 on, rising, got [16, 8]"),
        ({"roles": ["padding_mask", "segment_ids"]}, "tokens.roles: expected token_ids among"),
        ({"roles": ["token_ids"]}, "outputs: expected one for each of tokens.roles"),
    ],
)
def test_a_complaint_about_tokens_names_the_field(
    change: dict[str, object], complaint: str
) -> None:
    step = {
        "layer": "words",
        "inputs": ["text"],
        "outputs": ["ids", "mask"],
        "tokens": {**TOKENS, **change},
    }
    with pytest.raises(ContractError) as caught:
        read_preprocessing(json.dumps({"steps": [step]}).encode())
    assert f"preprocessing.steps[0].{complaint}" in str(caught.value)


def test_a_sequence_has_as_many_tokens_as_its_largest_bucket() -> None:
    spec = TokensSpec(
        file="tokenizer.json", start=1, end=2, padding=0, roles=("token_ids",), buckets=(8, 16)
    )
    assert spec.length == 16
