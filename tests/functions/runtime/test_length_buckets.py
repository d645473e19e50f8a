"""Instances of one request, run apart by the length of their sequences."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tflite_serving.runtime.length_buckets import by_length, merge_outputs

BUCKETS = (4, 8, 16)


@given(counts=st.lists(st.integers(1, 40), min_size=1, max_size=20))
def test_every_instance_is_in_the_smallest_bucket_that_holds_it_and_comes_back_in_its_place(
    counts: list[int],
) -> None:
    ids = np.zeros((len(counts), BUCKETS[-1]), np.int32)
    for row, count in zip(ids, counts, strict=True):
        row[:count] = 1
    place = np.arange(len(counts))
    groups = by_length({"ids": ids, "place": place}, ["ids"], counts, BUCKETS)
    for group in groups:
        length = group.inputs["ids"].shape[1]
        for index in group.inputs["place"]:
            count = min(counts[index], BUCKETS[-1])
            assert length == min(size for size in BUCKETS if size >= count)
    answers = [{"sum": g.inputs["ids"].sum(axis=1), "place": g.inputs["place"]} for g in groups]
    found = merge_outputs(groups, answers)
    assert found["place"].tolist() == place.tolist()
    assert found["sum"].tolist() == [min(count, BUCKETS[-1]) for count in counts]
    assert len({group.inputs["ids"].shape[1] for group in groups}) == len(groups)
