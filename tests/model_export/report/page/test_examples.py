"""How examples whose answer changed are shown."""

from __future__ import annotations

from dataclasses import replace

import pytest

from model_export.report.document.output import ChangedExample
from model_export.report.page.examples import is_small, is_wordy, outcome

EXAMPLE = ChangedExample(
    id="test[1]",
    truth="cat",
    reference="cat",
    published="dog",
    reference_score=0.9,
    published_score=0.6,
    pictures={},
    values={},
)


@pytest.mark.parametrize(
    ("reference", "published", "expected"),
    [("cat", "dog", "now wrong"), ("dog", "cat", "now right"), ("dog", "owl", "wrong both times")],
)
def test_a_change_comes_to_one_of_three(reference: str, published: str, expected: str) -> None:
    assert outcome(replace(EXAMPLE, reference=reference, published=published)) == expected


def test_pictures_of_few_pixels_are_those_that_are_png() -> None:
    assert is_small("data:image/png;base64,AA")
    assert not is_small("data:image/jpeg;base64,AA")


def test_cards_are_wide_for_long_answers_and_for_inputs_in_words() -> None:
    assert not is_wordy([EXAMPLE])
    assert not is_wordy([])
    assert is_wordy([EXAMPLE, replace(EXAMPLE, truth="horse")])
    assert is_wordy([replace(EXAMPLE, values={"rooms": "3"})])
