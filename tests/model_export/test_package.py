"""Which examples become golden ones."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from model_export.data.objects import as_objects
from model_export.data.splits import Split
from model_export.package import choose_golden

CLASSES = np.tile([0, 1, 2], 20)


def rows(inputs: Sequence[bytes]) -> list[int]:
    test = Split({"photo": as_objects(inputs)}, CLASSES[: len(inputs)])
    scores = {"kind": np.eye(3)[test.targets]}
    golden = choose_golden(test, scores, scores, pictures=("photo",))
    return [int(name.removeprefix("test[").removesuffix("]")) for name in golden.ids]


def test_classes_take_turns() -> None:
    found = rows([b"x" * 1000] * 60)
    assert len(found) == 10
    assert np.bincount(CLASSES[found]).tolist() == [4, 3, 3]


def test_of_pictures_the_smallest_of_each_class_are_taken() -> None:
    files = [b"x" * (60_000 - 1000 * index) for index in range(60)]
    assert rows(files) == [48, *range(51, 60)]


def test_of_large_pictures_few_are_taken() -> None:
    assert rows([b"x" * 400_000] * 60) == [0, 1, 2, 3, 4]
    assert rows([b"x" * 5_000_000] * 6) == [0, 1, 2]
