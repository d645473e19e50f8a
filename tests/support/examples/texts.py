"""Hypothesis strategies: texts that tokenizers find hard."""

from __future__ import annotations

from hypothesis import strategies as st

PARTS = st.one_of(
    st.text(max_size=8),
    st.text(st.characters(max_codepoint=0x17F), max_size=12),
    st.sampled_from(
        [" ", "  ", "\n", ".", "'s", "the", "waits", "ing", "\u0301", "\u200b", "\xad", "\xa0", "ı"]
    ),
    st.sampled_from(
        ["[CLS]", "[SEP]", "[UNK]", "<s>", "</s>", "<pad>", "##", "語", "각", "é", "ß", "६"]
    ),
)
"""Short ones, to be put together."""
LONG_TEXTS = st.lists(
    st.tuples(PARTS, st.sampled_from([1, 1, 1, 1, 2, 20, 300])), min_size=1, max_size=40
).map(lambda parts: "".join(part * times for part, times in parts))
"""Up to thousands of characters, some of which are the same ones over and over."""
