"""Fixtures of the steps."""

from __future__ import annotations

from pathlib import Path

import pytest

from model_export.registry.open import open_writable
from tests.delivery.project import make_project
from tests.delivery.steps import Steps, write_recipe
from tests.support.models.tiny import publish_tiny
from tests.support.storage.fake_gcs import FakeGcs
from tests.support.storage.stores import BucketRegistry
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
    steps.variables["CANDIDATE_ALIAS"] = "candidate"
    steps.variables["REGISTRY"] = str(steps.folder / "registry")
    store = open_writable(str(steps.out / "registry"))
    return publish_tiny(store, steps.folder / "artifact", alias="candidate")


@pytest.fixture
def project(steps: Steps, fake_gcs: FakeGcs, bucket: BucketRegistry) -> Steps:
    """Steps in a tree with a small infra/, which Terraform itself applies."""
    return make_project(steps, fake_gcs, bucket)
