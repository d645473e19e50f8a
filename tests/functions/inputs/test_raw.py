"""Places of values in a request, as the client wrote them."""

from __future__ import annotations

import numpy as np
import pytest

from tflite_serving.inputs.raw import Numbers, RawInput


@pytest.mark.parametrize(
    ("place", "columns", "inner", "expected"),
    [
        ("instances[{}]", (), (), "instances[3]"),
        ("instances[{}].pixels", (), (0, 2), "instances[3].pixels[0][2]"),
        ("rows[{}].{column}", ("age", "job"), (1,), "rows[3].job"),
        ("rows[{}].{column}", ("age", "job"), (0, 4), "rows[3].age[4]"),
        ("rows[{}].{column}", ("age", "job"), (), "rows[3]"),
    ],
)
def test_a_place_has_the_index_of_the_instance_and_the_name_of_the_column(
    place: str, columns: tuple[str, ...], inner: tuple[int, ...], expected: str
) -> None:
    raw = RawInput([], place, may_hold_others=False, columns=columns)
    assert raw.at(3, *inner) == expected
    assert Numbers(np.zeros(0), place, columns).at(3, *inner) == expected
