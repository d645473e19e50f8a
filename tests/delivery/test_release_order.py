"""What clients are served by after each step of a run, and after a run that fails half-way."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from model_export.registry.open import open_writable
from model_export.registry.operations import list_versions, move_alias, publish
from tests.delivery.front import ACCOUNT, Front, front_door
from tests.delivery.project import bundled, revision
from tests.delivery.releases import applied
from tests.delivery.steps import Steps, write_recipe
from tests.support.models.tiny import WEIGHTS, publish_tiny
from tests.support.server.serving import Function, running
from tflite_serving.contract.manifest import Manifest

STEPS = ("publish", "plan", "policy", "apply", "candidate", "release", "smoke")


@dataclass
class Delivery:
    """A run that has a new version, and a function that is deployed already.

    Attributes:
        steps: The run.
        function: The function, which follows the aliases `staging` and `candidate`.
        front: What is in front of it.
        old: Version that clients get.
        new: Version of this run.
    """

    steps: Steps
    function: Function
    front: Front
    old: Manifest
    new: Manifest

    @property
    def registry(self) -> str:
        return self.steps.variables["REGISTRY"]

    def run(self, *names: str, **variables: str) -> None:
        """Runs steps that must succeed."""
        for name in names:
            done = self.steps.run(name, **variables)
            assert done.returncode == 0, f"{name}: {done.stdout}{done.stderr}"

    def refused(self, name: str, **variables: str) -> str:
        """Runs a step that must fail, and gives what it says."""
        done = self.steps.run(name, **variables)
        assert done.returncode == 1, f"{name}: {done.stdout}{done.stderr}"
        return done.stderr

    def applied(self, number: int, models: str = "iris@staging,iris@candidate") -> None:
        """Lets Terraform tell that `revision(number)` is deployed."""
        applied(self.steps, self.front, revision(number), models)

    def served(self) -> str:
        """The version that clients get, once the function has looked at the alias."""
        named = self.aliases()["staging"]
        deadline = time.monotonic() + 30
        while True:
            # It looks beside a request, and the next one may come before it has seen the alias.
            self.function.get("/v2/health/ready")
            version = self._asked()
            if version == named or time.monotonic() > deadline:
                return version

    def _asked(self) -> str:
        body = {"instances": [[0.1, 0.2, 0.3, 0.4]]}
        answer = self.function.post("/models/iris/labels/staging/predict", body)
        return str(answer.json()["model"]["version"]) if answer.ok else answer.text

    def aliases(self) -> dict[str, str]:
        """The version that each alias names."""
        store = open_writable(self.registry)
        return {
            alias: listed.manifest.version
            for listed in list_versions(store, "iris")
            for alias in listed.aliases
        }


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Function]]:
    """A function of revision 1, whose registry is empty."""
    folder = tmp_path_factory.mktemp("deployed")
    registry = folder / "registry"
    settings = {
        "MODEL_REGISTRY": str(registry),
        "MODELS": "iris@staging,iris@candidate",
        "ALIAS_REFRESH_SECONDS": "0",
        "BUNDLE_DIGEST": revision(1).digest,
    }
    with running("predict", settings, folder) as function:
        yield registry, function


@contextmanager
def delivering(steps: Steps, registry: Path, function: Function) -> Iterator[Delivery]:
    for path in registry.glob("models/iris/aliases/*.json"):
        path.unlink()  # of the test before
    serving = open_writable(str(registry))
    old = publish_tiny(serving, steps.folder / "old", alias="staging")
    move_alias(serving, "iris", "candidate", old.version, "publish")
    own = open_writable(str(steps.out / "registry"))
    later = datetime(2027, 1, 1, tzinfo=UTC)
    new = publish_tiny(
        own, steps.folder / "new", alias="candidate", weights=-WEIGHTS, created_at=later
    )
    bundled(steps.out, 1)
    with front_door(function.url) as front:
        steps.variables.update(
            RECIPE=str(write_recipe(steps.folder)),
            REGISTRY=str(registry),
            ALIAS="staging",
            CANDIDATE_ALIAS="candidate",
            TESTED_ALIAS="tested",
            SMOKE_ACCOUNT=ACCOUNT,
            IAM_CREDENTIALS=front.url,
            GOOGLE_APPLICATION_CREDENTIALS=str(front.credentials(steps.folder)),
            PATIENCE="30",
        )
        yield Delivery(steps, function, front, old, new)


@pytest.fixture
def delivery(steps: Steps, deployed: tuple[Path, Function]) -> Iterator[Delivery]:
    """A run that has published and applied: `Terraform` tells a state that a test may replace."""
    with delivering(steps, *deployed) as delivery:
        publish(open_writable(delivery.registry), delivery.new, steps.folder / "new")
        published = {"model": "iris", "version": delivery.new.version}
        (steps.out / "published.json").write_text(json.dumps(published))
        delivery.applied(1)
        yield delivery


def test_a_run_that_is_killed_after_any_step_leaves_one_version_to_clients(
    project: Steps, deployed: tuple[Path, Function]
) -> None:
    with delivering(project, *deployed) as delivery:
        tfvars = project.folder / "infra" / "environments" / "staging.tfvars"
        tfvars.write_text(f'environment = "staging"\nurl = "{delivery.front.url}"\n')
        got = {}
        for step in STEPS:
            done = project.run(step)
            assert done.returncode == 0, f"{step}: {done.stdout}{done.stderr}"
            got[step] = (delivery.served(), delivery.aliases())
    old, new = delivery.old.version, delivery.new.version
    before = {"staging": old, "candidate": old}
    assert got == {
        "publish": (old, before),
        "plan": (old, before),
        "policy": (old, before),
        "apply": (old, before),
        "candidate": (old, {"staging": old, "candidate": new}),
        "release": (new, {"staging": new, "candidate": new}),
        "smoke": (new, {"staging": new, "candidate": new, "tested": new}),
    }


def test_a_version_that_fails_on_the_new_function_never_reaches_clients(
    delivery: Delivery,
) -> None:
    def wrong_label(answer: dict[str, Any]) -> None:
        if answer.get("model", {}).get("version") == delivery.new.version:
            for prediction in answer["predictions"]:
                prediction["label"] = min(set(prediction["scores"]) - {prediction["label"]})

    delivery.front.change = wrong_label
    told = delivery.refused("candidate")
    assert "SMOKE TEST FAILED" in told
    assert "expected the label" in told
    # It would be loaded, and refused, by every new instance otherwise.
    assert delivery.aliases() == {
        "staging": delivery.old.version,
        "candidate": delivery.old.version,
    }
    assert delivery.served() == delivery.old.version


def test_a_function_that_is_not_the_new_one_is_not_tested(delivery: Delivery) -> None:
    delivery.applied(2)  # which has yet to answer
    told = delivery.refused("candidate", PATIENCE="0.1")
    assert f"expected the bundle {revision(2).digest}, got {revision(1).digest}" in told
    assert delivery.aliases()["staging"] == delivery.old.version


def test_a_release_that_clients_do_not_get_right_is_taken_back(delivery: Delivery) -> None:
    delivery.run("release")
    assert delivery.served() == delivery.new.version
    delivery.front.open = True
    told = delivery.refused("smoke")
    assert ": without a token: expected 401 or 403" in told
    assert "TAKEN BACK: " in told
    assert f"iris@staging is {delivery.old.version} again" in told
    assert delivery.served() == delivery.old.version
    assert "tested" not in delivery.aliases()


def test_a_release_that_somebody_replaced_meanwhile_is_left_to_them(delivery: Delivery) -> None:
    delivery.run("release")
    theirs = publish_tiny(
        open_writable(delivery.registry),
        delivery.steps.folder / "theirs",
        alias="staging",
        weights=2 * WEIGHTS,
    )
    told = delivery.refused("smoke", PATIENCE="0.1")
    assert f"got {theirs.version}: somebody moved it since" in told
    assert delivery.aliases()["staging"] == theirs.version


def test_a_run_that_moved_no_alias_takes_none_back(delivery: Delivery) -> None:
    move_alias(open_writable(delivery.registry), "iris", "staging", delivery.new.version, "promote")
    delivery.run("release")
    delivery.front.open = True
    assert "this run did not move it" in delivery.refused("smoke")
    assert delivery.aliases()["staging"] == delivery.new.version


def test_a_run_that_another_one_overtook_releases_nothing(delivery: Delivery) -> None:
    delivery.applied(2)
    assert "OVERTAKEN" in delivery.refused("release")
    assert delivery.served() == delivery.old.version


def test_the_first_release_needs_no_alias(delivery: Delivery) -> None:
    for path in Path(delivery.registry).glob("models/iris/aliases/*.json"):
        path.unlink()
    delivery.run("candidate", "release", "smoke")
    new = delivery.new.version
    assert delivery.aliases() == {"staging": new, "candidate": new, "tested": new}
    assert delivery.served() == new


def test_a_function_without_the_candidate_fails_before_the_alias_moves(
    delivery: Delivery,
) -> None:
    delivery.applied(1, models="iris@staging")
    told = delivery.refused("candidate")
    assert "expected iris@candidate among its models beside iris@staging" in told
    assert delivery.aliases()["staging"] == delivery.old.version
