"""The first examples of an order have all classes alike."""

from __future__ import annotations

from random import Random

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from model_export.dataset.stratified import classes_in_turn


@given(st.lists(st.integers(0, 4), min_size=1, max_size=40), st.randoms(use_true_random=False))
def test_classes_come_in_turn_until_they_run_out(classes: list[int], random: Random) -> None:
    order = list(range(len(classes)))
    random.shuffle(order)
    rows = classes_in_turn(np.array(classes), np.array(order)).tolist()
    assert sorted(rows) == sorted(order)
    turns = [
        [classes[r] for r in rows[:place]].count(classes[row]) for place, row in enumerate(rows)
    ]
    assert turns == sorted(turns)
    for label in set(classes):
        members = [row for row in order if classes[row] == label]
        assert [row for row in rows if classes[row] == label] == members
