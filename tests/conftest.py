"""Fixtures that tests of both programs use."""

from __future__ import annotations

import pytest

pytest_plugins = ["tests.support.stores"]


def pytest_configure(config: pytest.Config) -> None:
    # TensorFlow brings grpcio, and Google's client then misses a package that nothing here needs.
    config.addinivalue_line("filterwarnings", "ignore:Please install grpcio-status:ImportWarning")
