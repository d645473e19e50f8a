"""Recipes, registries and functions that the steps are run with."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from delivery.revision import Revision
from model_export.registry.open import open_writable
from model_export.registry.operations import move_alias, publish, read_named_alias
from tests.delivery.front import ACCOUNT, Front
from tests.delivery.steps import Steps, write_recipe
from tests.support.storage.stores import Artifact
from tflite_serving.contract.manifest import Manifest


def alias(registry: str | Path, name: str) -> str:
    return read_named_alias(open_writable(str(registry)), "iris", name).version


class Prod:
    """A run to prod, which was approved, and the registry of staging."""

    def __init__(self, steps: Steps, artifact: Artifact, newer: Artifact) -> None:
        self.folder = steps.folder / "staging"
        self._store = open_writable(str(self.folder))
        self.old, self.new = artifact.manifest, newer.manifest
        for made in (artifact, newer):
            publish(self._store, made.manifest, made.folder)
        steps.out.mkdir()
        (steps.out / "approved").write_text("run-1\n")
        steps.variables.update(
            ENVIRONMENT="prod",
            RECIPE=str(write_recipe(steps.folder)),
            REGISTRY=str(steps.folder / "prod"),
            ALIAS="production",
            FROM_REGISTRY=str(self.folder),
            FROM_ALIAS="staging",
            TESTED_ALIAS="tested",
        )

    def serves(self, manifest: Manifest) -> None:
        move_alias(self._store, "iris", "staging", manifest.version, "release")

    def tested(self, manifest: Manifest) -> None:
        move_alias(self._store, "iris", "tested", manifest.version, "release")


def deployed(steps: Steps, front: Front, models: str = "iris@staging,iris@candidate") -> None:
    """Lets Terraform's outputs tell of one function, whatever bundle it runs.

    Args:
        steps: The run.
        front: What is in front of the function.
        models: Its setting `MODELS`.
    """
    _tell(steps, front, {"MODELS": models}, None)


def applied(
    steps: Steps, front: Front, revision: Revision, models: str = "iris@staging,iris@candidate"
) -> None:
    """Lets Terraform tell, now and later on, that a revision is deployed.

    Args:
        steps: The run.
        front: What is in front of the function.
        revision: What is deployed.
        models: Its setting `MODELS`.
    """
    _tell(steps, front, {"MODELS": models, "BUNDLE_DIGEST": revision.digest}, asdict(revision))
    steps.stand_in("terraform", f'cat "{steps.out / "outputs.json"}"')


def _tell(
    steps: Steps, front: Front, environment: dict[str, str], release: dict[str, str] | None
) -> None:
    outputs = {
        "urls": {"value": {"flowers": front.url}},
        "environments": {"value": {"flowers": environment}},
        "audiences": {"value": {}},
        "release": {"value": release},
    }
    (steps.out / "outputs.json").write_text(json.dumps(outputs))


def asked(steps: Steps, front: Front, step: str, **variables: str) -> Any:
    """Runs a step that asks functions, with the credentials that it needs."""
    return steps.run(
        step,
        SMOKE_ACCOUNT=ACCOUNT,
        GOOGLE_APPLICATION_CREDENTIALS=str(front.credentials(steps.folder)),
        **{"PATIENCE": "30", "IAM_CREDENTIALS": front.url, **variables},
    )


def smoke(steps: Steps, front: Front, **variables: str) -> Any:
    """Runs smoke.sh against a function that `deployed` told of."""
    return asked(steps, front, "smoke", **{"TESTED_ALIAS": "tested", **variables})
