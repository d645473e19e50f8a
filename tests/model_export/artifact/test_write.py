"""Which examples become golden ones."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from model_export.artifact.write import choose_golden
from model_export.dataset.object_arrays import as_objects
from model_export.dataset.splits import Split
from tflite_serving.contract.tensors import OutputSpec

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


def test_every_value_of_a_regression_has_a_tolerance_of_its_own_scale() -> None:
    values = np.random.default_rng(0).normal(0, [1000.0, 0.1], (50, 2)).astype(np.float32)
    test = Split({"x": np.zeros((50, 1), np.float32)}, values)
    output = OutputSpec("both", "float32", (None, 2), task="regression")
    golden = choose_golden(test, {"both": values}, {"both": values}, (output,))
    large, small = golden.tolerance["both"]
    assert large / small == pytest.approx(1e4, rel=0.5)
    moved = golden.outputs["both"] + np.array([0, 0.1], np.float32)
    assert len(golden.differences({"both": moved})) == len(golden.ids)


def test_a_float_model_may_differ_by_less_than_a_quantized_one() -> None:
    values = np.random.default_rng(0).normal(0, 10, (50, 1)).astype(np.float32)
    test = Split({"x": np.zeros((50, 1), np.float32)}, values)
    output = OutputSpec("y", "float32", (None, 1), task="regression")
    given = (test, {"y": values}, {"y": values}, (output,))
    quantized, plain = (
        choose_golden(*given, variant=variant).tolerance["y"].max()
        for variant in ("static_int8", "float32")
    )
    assert quantized == pytest.approx(0.2, rel=0.2)
    assert plain == pytest.approx(0.01, rel=0.2)


def test_large_values_that_hardly_vary_may_be_rounded() -> None:
    values = np.full((50, 1), 1e6, np.float32)
    test = Split({"x": np.zeros((50, 1), np.float32)}, values)
    output = OutputSpec("y", "float32", (None, 1), task="regression")
    golden = choose_golden(test, {"y": values}, {"y": values}, (output,), variant="float32")
    rounded = np.nextafter(golden.outputs["y"], np.float32(np.inf))
    assert not golden.differences({"y": rounded})
    assert golden.differences({"y": golden.outputs["y"] * np.float32(1.0001)})
