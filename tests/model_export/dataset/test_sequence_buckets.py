"""The lengths that sequences are filled up to."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model_export.dataset.sequence_buckets import choose_buckets, in_groups, typical
from model_export.recipe.sequence import SequenceSection
from tflite_serving.contract.codec import ContractError
from tflite_serving.contract.preprocessing import Step
from tflite_serving.contract.tokens import TokensSpec
from tflite_serving.runtime.length_buckets import merge_outputs


def padded(counts: list[int], buckets: tuple[int, ...]) -> int:
    return sum(next(size for size in buckets if size >= min(n, buckets[-1])) for n in counts)


@settings(max_examples=60, deadline=None)
@given(
    counts=st.lists(st.integers(2, 90), min_size=1, max_size=30),
    longest=st.sampled_from([5, 8, 40, 61]),
    most=st.integers(1, 4),
)
def test_no_other_choice_of_lengths_has_less_padding(
    counts: list[int], longest: int, most: int
) -> None:
    found = choose_buckets(counts, longest, SequenceSection(max_buckets=most))
    assert found[-1] == longest
    assert len(found) <= most
    sizes = range(8, longest, 8)
    others = ((*chosen, longest) for more in range(most) for chosen in combinations(sizes, more))
    assert padded(counts, found) == min(padded(counts, other) for other in others)


def test_a_recipe_may_fix_them() -> None:
    section = SequenceSection(buckets=(16, 32, 500))
    assert choose_buckets([5], 128, section) == (16, 32, 128)
    with pytest.raises(ContractError, match=r"expected lengths from 3 on, rising"):
        SequenceSection(buckets=(32, 16))


def test_examples_are_grouped_as_the_function_groups_them() -> None:
    tokens = TokensSpec(
        file="f", start=1, end=2, padding=0, roles=("token_ids", "padding_mask"), buckets=(4, 6, 8)
    )
    step = Step(layer="words", inputs=("text",), outputs=("ids", "mask"), tokens=tokens)
    ids = np.zeros((5, 8), np.int32)
    for row, count in zip(ids, (8, 3, 4, 5, 2), strict=True):
        row[:count] = 7
    inputs: dict[str, npt.NDArray[Any]] = {
        "ids": ids,
        "mask": (ids > 0).astype(np.int32),
        "other": np.arange(5),
    }
    groups = in_groups(inputs, step)
    assert [group.inputs["ids"].shape for group in groups] == [(3, 4), (1, 6), (1, 8)]
    assert [group.inputs["other"].tolist() for group in groups] == [[1, 2, 4], [3], [0]]
    answers = [{"sum": group.inputs["ids"].sum(axis=1)} for group in groups]
    assert merge_outputs(groups, answers)["sum"].tolist() == ids.sum(axis=1).tolist()
    assert typical(inputs, step)["ids"].shape == (3, 4)
    assert typical(inputs, None) is inputs
