"""Registries are opened for writing by their address."""

from __future__ import annotations

import pytest

from model_export.registry.open import open_writable
from tflite_serving.errors import StoreError


@pytest.mark.parametrize("text", ["", "gs://", "s3://bucket"])
def test_what_is_no_registry_is_not_opened(text: str) -> None:
    with pytest.raises(StoreError):
        open_writable(text)
