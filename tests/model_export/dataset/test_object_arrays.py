"""Arrays of Python objects."""

from __future__ import annotations

import numpy as np

from model_export.dataset.object_arrays import as_objects


def test_numpy_does_not_look_into_the_objects() -> None:
    values = [[1, 2], [3, 4], np.zeros((2, 2)), "text", None]
    found = as_objects(iter(values))
    assert found.dtype == object
    assert found.shape == (5,)
    assert all(one is other for one, other in zip(found, values, strict=True))
    assert as_objects([]).shape == (0,)
