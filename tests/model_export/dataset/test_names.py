"""Messages about names that are not those of the model."""

from __future__ import annotations

import pytest

from model_export.dataset.names import by_name, others_than


def test_a_dict_is_shown_as_it_is_written() -> None:
    assert by_name(["a", "b"]) == '{"a": …, "b": …}'
    assert by_name(["a"], "[0, 1]") == '{"a": [0, 1]}'


@pytest.mark.parametrize(
    ("got", "expected"),
    [
        (["a"], "expected inputs a, b, got no b"),
        (["a", "b", "c", "d"], "expected inputs a, b, got also c, d"),
        (["c"], "expected inputs a, b, got no a, b but also c"),
    ],
)
def test_names_that_differ_are_told_apart(got: list[str], expected: str) -> None:
    assert others_than("inputs", ["a", "b"], got) == expected
