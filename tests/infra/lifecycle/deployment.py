"""infra/ applied with the real provider to the fake."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.infra.lifecycle.cloud.fake import FakeCloud
from tests.infra.lifecycle.cloud.server import provider_environment
from tests.support.programs import find_program
from tests.support.terraform import assert_done

# A state in a file: the bucket that infra/ itself asks for needs credentials.
BACKEND = 'terraform {\n  backend "local" {}\n}\n'

# A load balancer, and a function that it may have behind it.
EDGE: Mapping[str, Any] = {"hosts": {"api.example.com": {"paths": {"/digits": "digits"}}}}
BEHIND_EDGE: Mapping[str, Any] = {
    "models": ["digits@production"],
    "ingress": "ALLOW_INTERNAL_AND_GCLB",
}

_VARIABLES = "lifecycle.auto.tfvars.json"


@dataclass(frozen=True)
class Plan:
    """What Terraform would do.

    Attributes:
        actions: `create`, `update`, `delete` or `replace`, by the resource's address.
        outputs: names of the outputs that would change.
    """

    actions: Mapping[str, str]
    outputs: frozenset[str]

    def of(self, *actions: str) -> set[str]:
        """The addresses that one of these would happen to."""
        return {address for address, action in self.actions.items() if action in actions}


@dataclass
class Deployment:
    """A folder with infra/ and its state, and the cloud that it is applied to.

    Attributes:
        folder: of the root module, initialised.
        cloud: that it is applied to.
        variables: of the root module.
    """

    folder: Path
    cloud: FakeCloud
    variables: dict[str, Any] = field(default_factory=dict)

    @property
    def state(self) -> Path:
        """The file of the state."""
        return self.folder / "terraform.tfstate"

    @property
    def addresses(self) -> set[str]:
        """What the state has."""
        return set(assert_done(self.run("state", "list")).split())

    def set_models(self, **models: Mapping[str, Any]) -> None:
        """Replaces `models`."""
        self.variables["models"] = dict(models)

    def plan(self, *options: str) -> Plan:
        """What Terraform would do now.

        Raises:
            AssertionError: it refuses to plan, with what it says.
        """
        assert_done(self.run("plan", "-input=false", "-no-color", "-out=planned", *options))
        shown = json.loads(assert_done(self.run("show", "-json", "planned")))
        actions = {
            one["address"]: "replace" if len(acts) == 2 else acts[0]
            for one in shown.get("resource_changes", [])
            if (acts := one["change"]["actions"]) not in (["no-op"], ["read"])
        }
        outputs = shown.get("output_changes", {}).items()
        changed = {name for name, change in outputs if change["actions"] != ["no-op"]}
        return Plan(actions, frozenset(changed))

    def apply(self, *options: str) -> subprocess.CompletedProcess[str]:
        """Applies what would be planned now."""
        return self.run("apply", "-input=false", "-no-color", "-auto-approve", *options)

    def destroy(self) -> subprocess.CompletedProcess[str]:
        """Destroys all of it."""
        return self.run("destroy", "-input=false", "-no-color", "-auto-approve")

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Runs Terraform to its end."""
        with self.begin(*arguments) as process:
            out, err = process.communicate()
            return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    def begin(self, *arguments: str) -> subprocess.Popen[str]:
        """Starts Terraform, in a process group of its own, so that its provider ends with it."""
        document = json.dumps(self.variables)
        (self.folder / _VARIABLES).write_text(document, encoding="utf-8")
        return subprocess.Popen(
            [find_program("terraform"), *arguments],
            cwd=self.folder,
            env={
                **os.environ,
                **provider_environment(self.cloud.base),
                "TF_IN_AUTOMATION": "1",
                "CHECKPOINT_DISABLE": "1",
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def copy(self, folder: Path, cloud: FakeCloud) -> Deployment:
        """The same, in a folder of its own, with the same state and another cloud."""
        shutil.copytree(self.folder, folder, symlinks=True)
        return Deployment(folder, cloud, dict(self.variables))
