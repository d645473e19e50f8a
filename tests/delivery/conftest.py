"""Fixtures of the steps."""

from __future__ import annotations

from pathlib import Path

import pytest

from model_export.registry.opening import open_writable
from tests.delivery.steps import Steps, write_recipe
from tests.support.tiny import publish_tiny
from tflite_serving.contract.manifest import Manifest


@pytest.fixture
def steps(tmp_path: Path) -> Steps:
    """Steps of one run, to staging."""
    return Steps(tmp_path, {"RUN": "run-1", "ENVIRONMENT": "staging"})


@pytest.fixture
def tiny(steps: Steps) -> Manifest:
    """A run whose export is done: a version in the run's own registry."""
    steps.variables["RECIPE"] = str(write_recipe(steps.folder))
    steps.variables["ALIAS"] = "staging"
    steps.variables["REGISTRY"] = str(steps.folder / "registry")
    store = open_writable(str(steps.out / "registry"))
    return publish_tiny(store, steps.folder / "artifact", alias="candidate")


def pytest_configure(config: pytest.Config) -> None:
    # Keras, about a model that was compiled and never trained: there is nothing to give.
    config.addinivalue_line(
        "filterwarnings", "ignore:Skipping variable loading for optimizer:UserWarning"
    )
    # TensorFlow's variables, which Keras hands to numpy 2.
    config.addinivalue_line(
        "filterwarnings",
        "ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning",
    )
