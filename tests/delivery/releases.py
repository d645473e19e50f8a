"""Recipes, registries and functions that the steps are run with."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from model_export.registry.opening import open_writable
from model_export.registry.verbs import move_alias, publish, read_named_alias
from tests.delivery.front import ACCOUNT, Front
from tests.delivery.steps import Steps, write_recipe
from tests.support.stores import Artifact
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


def smoke(steps: Steps, front: Front, serves: str = "iris@staging", **variables: str) -> Any:
    outputs = {
        "urls": {"value": {"flowers": front.url}},
        "environments": {"value": {"flowers": {"MODELS": serves}}},
    }
    (steps.out / "outputs.json").write_text(json.dumps(outputs))
    given = {"PATIENCE": "30", "TESTED_ALIAS": "tested", **variables}
    return steps.run(
        "smoke",
        SMOKE_ACCOUNT=ACCOUNT,
        IAM_CREDENTIALS=front.url,
        GOOGLE_APPLICATION_CREDENTIALS=str(front.credentials(steps.folder)),
        **given,
    )
