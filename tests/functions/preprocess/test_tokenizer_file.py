"""The files that the `tokenizers` library reads."""

from __future__ import annotations

from pathlib import Path

import pytest
from tokenizers import Tokenizer, models, pre_tokenizers, processors

from tflite_serving.contract.codec import ContractError
from tflite_serving.preprocess.tokenizer_file import encode_all, load

VOCABULARY = {"[UNK]": 0, "[CLS]": 1, "the": 2, "cat": 3}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    made = Tokenizer(models.WordLevel(VOCABULARY, unk_token="[UNK]"))
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    made.post_processor = processors.TemplateProcessing(
        single="[CLS] $A", special_tokens=[("[CLS]", 1)]
    )
    path = tmp_path / "tokenizer.json"
    made.save(str(path))
    return path


@pytest.mark.parametrize("texts", [["the cat"], ["the cat", "", "a cat"]])
def test_tokens_are_those_of_the_texts_alone(file: Path, texts: list[str]) -> None:
    expected = [[2, 3], [], [0, 3]][: len(texts)]
    assert encode_all(load(file), texts) == expected


@pytest.mark.parametrize("content", [None, b"", b"{}", b"\xff"])
def test_a_damaged_file_is_refused_by_its_name(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "tokenizer.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ContractError, match=r"^tokenizer\.json: tokenizers cannot read it: "):
        load(path)
