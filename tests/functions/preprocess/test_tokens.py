"""Tokens are laid out as the model takes them; a damaged file is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from model_export.tf.preprocessing.hub_tasks import split_task
from model_export.tf.task_source import TaskSource
from tests.support.models.transformers import classifier, written
from tflite_serving.contract.codec import ContractError
from tflite_serving.preprocess.tokens import Tokens

KINDS = ("bert", "roberta", "albert")


def test_a_damaged_tokenizer_is_refused(tmp_path: Path) -> None:
    for kind in KINDS:
        parts = split_task(TaskSource(classifier(kind), kind), kind)
        tokens = parts.preprocessing.steps[0].tokens
        assert tokens is not None
        path = tmp_path / tokens.file
        path.write_bytes(b"{}")
        with pytest.raises(ContractError, match="cannot read it"):
            Tokens(tokens, {tokens.file: path})
        with pytest.raises(ContractError, match="expected a file of the artifact"):
            Tokens(tokens, {})


@pytest.mark.parametrize("kind", KINDS)
def test_tokens_are_laid_out_between_a_start_and_an_end_and_counted_up_to_one_too_many(
    kind: str, tmp_path: Path
) -> None:
    parts = split_task(TaskSource(classifier(kind), kind), kind)
    (step,) = parts.preprocessing.steps
    assert step.tokens is not None
    spec = replace(step.tokens, buckets=(6,))
    texts = np.array(["", "the the", "the " * 9], dtype=object)
    made = Tokens(spec, written(parts.assets, tmp_path)).run([texts])
    by_role = dict(zip(spec.roles, made.arrays, strict=True))
    ids = by_role["token_ids"]
    assert ids.shape == (3, 6)
    assert ids[0].tolist() == [spec.start, spec.end, *[spec.padding] * 4]
    assert (ids[:, 0] == spec.start).all()
    assert ids[2, -1] == spec.end
    assert made.counts[0] == 2
    assert made.counts[2] == 7  # one more than are kept
    if "padding_mask" in by_role:
        assert by_role["padding_mask"].tolist() == (ids != spec.padding).astype(int).tolist()
    if "segment_ids" in by_role:
        assert not by_role["segment_ids"].any()
