"""Examples whose answers get their meaning from the model's outputs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from model_export.dataset.raw_splits import RawSplits
from model_export.dataset.source import load_given
from model_export.errors import UsageError
from tests.support.examples.data_modules import GOOD, Y, complaint, returning

NAMED = "{'kind': y, 'price': y / 2}"


def given_by(folder: Path, code: str) -> RawSplits:
    (folder / "my_data.py").write_text(GOOD + code)
    return load_given("my_data:splits", folder)


def test_answers_to_several_outputs_are_named(tmp_path: Path) -> None:
    found = given_by(tmp_path, returning(f"(x, {NAMED})", f"(x, {NAMED})"))
    assert [len(y) for y in found.answers(("price", "kind"))["price"]] == [6, 6, 6]
    splits = found.read({"price": "regression", "kind": "classification"})
    np.testing.assert_array_equal(splits.train.targets, Y[:, None] / 2)
    np.testing.assert_array_equal(splits.train.others["kind"], Y)
    np.testing.assert_array_equal(splits.train.strata, Y)
    assert splits.train.rows(np.array([4, 1])).others["kind"].tolist() == [Y[4], Y[1]]
    turned = found.read({"kind": "classification", "price": "regression"})
    np.testing.assert_array_equal(turned.train.targets, Y)
    assert turned.sha256 != splits.sha256
    for names, problem in (
        (("kind",), "expected answers for the outputs kind, got also price"),
        (
            ("kind", "cost"),
            "expected answers for the outputs kind, cost, got no cost but also price",
        ),
    ):
        with pytest.raises(UsageError, match=problem):
            found.answers(names)


def test_answers_that_lack_a_name_or_an_example_are_refused(tmp_path: Path) -> None:
    found = given_by(tmp_path, returning(f"(x, {NAMED})", "(x[:3], y)"))
    told = complaint(lambda: found.answers(("kind", "price")))
    assert told.endswith(
        'expected answers by output, {"kind": …, "price": …}, got them without names'
    )
