"""Text classifiers of KerasHub are cut where they take tokens."""

from __future__ import annotations

import pytest

from model_export.errors import ConversionError
from model_export.signature.source_model import TensorInfo
from model_export.tf.preprocessing.hub_tasks import split_task
from model_export.tf.task_source import TaskSource
from tests.support.models.transformers import LENGTH, classifier


@pytest.mark.parametrize(
    ("kind", "file", "roles"),
    [
        ("bert", "tokenizer.json", {"token_ids", "padding_mask", "segment_ids"}),
        ("roberta", "tokenizer.json", {"token_ids", "padding_mask"}),
        ("albert", "tokenizer.model", {"token_ids", "padding_mask", "segment_ids"}),
    ],
)
def test_tokens_are_one_step_with_the_tokenizers_own_ids(
    kind: str, file: str, roles: set[str]
) -> None:
    task = TaskSource(classifier(kind), kind)
    parts = split_task(task, kind)
    (step,) = parts.preprocessing.steps
    assert parts.core is task.core
    assert step.inputs == ("text",)
    assert set(step.outputs) == roles
    assert list(parts.assets) == [file]
    tokenizer, tokens = task.preprocessor.tokenizer, step.tokens
    assert tokens is not None
    assert (tokens.file, tokens.length, tokens.roles) == (file, LENGTH, step.outputs)
    assert (tokens.start, tokens.end, tokens.padding) == (
        tokenizer.start_token_id,
        tokenizer.end_token_id,
        tokenizer.pad_token_id,
    )


def test_a_model_that_takes_something_else_is_refused() -> None:
    task = TaskSource(classifier("roberta"), "roberta")
    task.core.inputs = (*task.core.inputs, TensorInfo("pictures", "float32", (None, 3)))
    with pytest.raises(ConversionError, match=r"expected inputs among token_ids, .*'pictures'"):
        split_task(task, "roberta")
