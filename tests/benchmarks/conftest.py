"""Warnings that TensorFlow and Keras give among themselves."""

from __future__ import annotations

import pytest


def pytest_configure(config: pytest.Config) -> None:
    # TensorFlow's variables, which Keras hands to numpy 2.
    config.addinivalue_line(
        "filterwarnings",
        "ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning",
    )
