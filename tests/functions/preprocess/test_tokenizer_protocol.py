"""Batches of which some texts are encoded in another way."""

from __future__ import annotations

from tflite_serving.preprocess.tokenizer_protocol import some_apart


class Calls:
    """Encoders that remember what they were given."""

    def __init__(self) -> None:
        self.together: list[list[str]] = []
        self.alone: list[tuple[int, str]] = []

    def encode(self, texts: list[str], is_odd: list[bool]) -> list[list[int]]:
        return some_apart(texts, is_odd, self._together, self._alone)

    def _together(self, texts: list[str]) -> list[list[int]]:
        self.together.append(texts)
        return [[len(text)] for text in texts]

    def _alone(self, index: int, text: str) -> list[int]:
        self.alone.append((index, text))
        return [-len(text)]


def test_texts_of_one_kind_are_encoded_together() -> None:
    calls = Calls()
    assert calls.encode(["a", "bb"], [False, False]) == [[1], [2]]
    assert (calls.together, calls.alone) == ([["a", "bb"]], [])


def test_odd_ones_are_encoded_alone_with_their_place_and_the_order_is_kept() -> None:
    calls = Calls()
    assert calls.encode(["a", "bb", "ccc", "dddd"], [True, False, True, False]) == [
        [-1],
        [2],
        [-3],
        [4],
    ]
    assert calls.together == [["bb", "dddd"]]
    assert calls.alone == [(0, "a"), (2, "ccc")]


def test_of_odd_ones_alone_nothing_is_encoded_together() -> None:
    calls = Calls()
    assert calls.encode(["a"], [True]) == [[-1]]
    assert calls.together == []
