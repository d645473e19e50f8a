"""Examples become what clients send, or are refused."""

from __future__ import annotations

import numpy as np
import pytest

from model_export.dataset.casting import cast_inputs
from model_export.errors import UsageError
from tests.support.models.signatures import Info, Source, described, examples


def test_examples_are_cast_to_what_clients_send() -> None:
    cast = cast_inputs(examples(np.full((2, 4), 0.1)), described())
    for split in (cast.train, cast.validation, cast.test):
        assert split.inputs["features"].dtype == np.float32
    tokens = Source(inputs=(Info("features", "int32", (None, 4)),))
    cast = cast_inputs(examples(np.full((2, 4), 7.0)), described(tokens))
    np.testing.assert_array_equal(cast.test.inputs["features"], np.full((2, 4), 7, np.int32))


@pytest.mark.parametrize(
    ("dtype", "value"), [("int32", 0.5), ("uint8", 256), ("uint8", -1), ("float32", 1e300)]
)
def test_a_value_that_does_not_survive_the_cast_is_refused(dtype: str, value: float) -> None:
    signature = described(Source(inputs=(Info("features", dtype, (None, 4)),)))
    with pytest.raises(UsageError, match=f"data.npz: train: features: expected {dtype} values"):
        cast_inputs(examples(np.full((2, 4), value)), signature)


def test_examples_that_are_no_numbers_are_refused() -> None:
    with pytest.raises(UsageError, match="train: features: expected float32 values, got <U1"):
        cast_inputs(examples(np.full((2, 4), "a")), described())
