"""Hypothesis strategies: a batch of a column's values, as clients send them."""

from __future__ import annotations

from hypothesis import strategies as st

COLORS = ["red", "green", "Blue", "日本"]
TEXTS = st.lists(
    st.one_of(st.text(st.characters(codec="utf-8"), max_size=90), st.sampled_from(["", *COLORS])),
    min_size=1,
    max_size=6,
)
INTEGERS = st.lists(
    st.one_of(st.integers(-(2**63), 2**63 - 1), st.integers(-3, 9)), min_size=1, max_size=6
)
FLOATS = st.lists(
    st.one_of(
        st.floats(width=32, allow_nan=False, allow_infinity=False),
        st.sampled_from([-1.5, 0.1, 0.0, 3.25, 1e6]),
    ),
    min_size=1,
    max_size=6,
)
