"""infra/, applied once to a fake of Google's APIs, and a copy of that for each scenario."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.infra.lifecycle.cloud.fake import FakeCloud, Snapshot
from tests.infra.lifecycle.cloud.server import served
from tests.infra.lifecycle.deployment import BACKEND, BEHIND_EDGE, EDGE, Deployment
from tests.infra.lifecycle.provider import asks_google
from tests.support.infra.terraform import assert_done
from tests.support.places import INFRA

PROJECT = "example-project"


@pytest.fixture(scope="session")
def shared_cloud() -> Iterator[FakeCloud]:
    """The fake that all scenarios use, one after the other."""
    with served(PROJECT) as cloud:
        yield cloud


@pytest.fixture(scope="session")
def initialised(tmp_path_factory: pytest.TempPathFactory, shared_cloud: FakeCloud) -> Deployment:
    """A copy of infra/ with the real provider, never applied.

    Without LIFECYCLE, or with a stand-in of the provider, what uses this is skipped. With
    LIFECYCLE=required it fails instead.
    """
    wanted = os.environ.get("LIFECYCLE")
    if not wanted:
        pytest.skip("minutes with the real provider: `make lifecycle` runs it")
    folder = tmp_path_factory.mktemp("provider")
    if not asks_google(folder, shared_cloud):
        reason = "lifecycle: expected the real hashicorp/google provider, got a stand-in or none"
        (pytest.fail if wanted == "required" else pytest.skip)(reason)
    shared_cloud.journal.clear()
    root = tmp_path_factory.mktemp("lifecycle") / "infra"
    shutil.copytree(INFRA, root, ignore=shutil.ignore_patterns(".terraform*", "tests"))
    (root / "backend_override.tf").write_text(BACKEND, encoding="utf-8")
    bundle = root.parent / "function.zip"
    bundle.write_bytes(b"PK one")
    deployment = Deployment(
        root,
        shared_cloud,
        {
            "project_id": PROJECT,
            "environment": "dev",
            "bundle": str(bundle),
            "models": {"digits": {"models": ["digits@production"]}},
        },
    )
    assert_done(deployment.run("init", "-input=false"))
    return deployment


@pytest.fixture(scope="session")
def empty(shared_cloud: FakeCloud) -> Snapshot:
    """A project with nothing in it."""
    return shared_cloud.snapshot()


Applied = Callable[..., tuple[Deployment, Snapshot]]


@pytest.fixture(scope="session")
def applied(
    tmp_path_factory: pytest.TempPathFactory, initialised: Deployment, empty: Snapshot
) -> Applied:
    """Applies infra/ with some variables to an empty project, once for the same ones."""
    made: dict[str, tuple[Deployment, Snapshot]] = {}

    def applied(**variables: Any) -> tuple[Deployment, Snapshot]:
        key = repr(sorted(variables.items()))
        if key not in made:
            cloud = initialised.cloud
            cloud.restore(empty)
            one = initialised.copy(tmp_path_factory.mktemp("applied") / "infra", cloud)
            one.variables.update(variables)
            assert_done(one.apply())
            made[key] = one, cloud.snapshot()
        return made[key]

    return applied


def _copy(tmp_path: Path, original: tuple[Deployment, Snapshot]) -> Deployment:
    deployment, snapshot = original
    deployment.cloud.restore(snapshot)
    return deployment.copy(tmp_path / "infra", deployment.cloud)


@pytest.fixture
def fresh(tmp_path: Path, initialised: Deployment, empty: Snapshot) -> Iterator[Deployment]:
    """A deployment that was never applied, to a project with nothing in it."""
    yield _copy(tmp_path, (initialised, empty))
    initialised.cloud.faults.clear()


@pytest.fixture
def dev(tmp_path: Path, applied: Applied) -> Iterator[Deployment]:
    """A deployment to dev that has been applied: the function digits."""
    copy = _copy(tmp_path, applied())
    yield copy
    copy.cloud.faults.clear()


@pytest.fixture
def prod(tmp_path: Path, applied: Applied) -> Iterator[Deployment]:
    """A deployment to prod that has been applied: digits, which somebody may call, and flowers."""
    models = {
        "digits": {
            "models": ["digits@production"],
            "invokers": {"web": "user:web@example.com"},
        },
        "flowers": {"models": ["flowers@production"]},
    }
    copy = _copy(tmp_path, applied(environment="prod", models=models))
    yield copy
    copy.cloud.faults.clear()


@pytest.fixture
def edged(tmp_path: Path, applied: Applied) -> Iterator[Deployment]:
    """A deployment to dev with a load balancer in front of digits."""
    copy = _copy(tmp_path, applied(models={"digits": BEHIND_EDGE}, public_edge=EDGE))
    yield copy
    copy.cloud.faults.clear()
