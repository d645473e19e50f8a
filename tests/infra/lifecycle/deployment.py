"""infra/ applied with the real provider to the fake."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.infra.lifecycle.cloud.fake import FakeCloud
from tests.infra.lifecycle.cloud.server import provider_environment
from tests.support.infra.terraform import assert_done
from tests.support.places import ROOT
from tests.support.programs.installed import find_program

# A state in a file: the bucket that infra/ itself asks for needs credentials.
BACKEND = 'terraform {\n  backend "local" {}\n}\n'

# A load balancer, and a function that it may have behind it.
EDGE: Mapping[str, Any] = {"hosts": {"api.example.com": {"paths": {"/digits": "digits"}}}}
BEHIND_EDGE: Mapping[str, Any] = {
    "models": ["digits@production"],
    "ingress": "ALLOW_INTERNAL_AND_GCLB",
}

# Most of what is applied waits, so that much may be applied at once.
_ENVIRONMENT = {
    **{f"TF_CLI_ARGS_{command}": "-parallelism=40" for command in ("apply", "destroy", "plan")},
    "TF_IN_AUTOMATION": "1",
    "CHECKPOINT_DISABLE": "1",
    "PYTHONPATH": str(ROOT),
    "RETRY_SECONDS": "0",
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

    def source_of(self, name: str, region: str = "europe-west1") -> str:
        """The name of the object that a function is built from."""
        where = f"projects/{self.cloud.project}/locations/{region}"
        function = self.cloud.resources.get(f"cloudfunctions/v2/{where}/functions/{name}")
        provenance = function["buildConfig"]["sourceProvenance"]
        return str(provenance["resolvedStorageSource"]["object"])

    def set_models(self, **models: Mapping[str, Any]) -> None:
        """Replaces `models`."""
        self.variables["models"] = dict(models)

    def plan(self, *options: str) -> Plan:
        """What Terraform would do now.

        Raises:
            AssertionError: it refuses to plan, with what it says.
        """
        told = assert_done(self.run("plan", "-input=false", "-json", *options))
        actions, outputs = {}, {}
        for event in map(json.loads, told.splitlines()):
            if event["type"] == "planned_change" and event["change"]["action"] != "read":
                actions[event["change"]["resource"]["addr"]] = event["change"]["action"]
            elif event["type"] == "outputs":
                outputs = event["outputs"]
        changed = {name for name, change in outputs.items() if change["action"] != "noop"}
        return Plan(actions, frozenset(changed))

    def planned(self) -> Any:
        """The same as `terraform show -json` prints it, which the pipeline judges."""
        file = self.folder / "plan"
        assert_done(self.run("plan", "-input=false", f"-out={file}"))
        return json.loads(assert_done(self.run("show", "-json", str(file))))

    def apply(self, *options: str) -> subprocess.CompletedProcess[str]:
        """Applies what would be planned now."""
        return self.run("apply", "-input=false", "-no-color", "-auto-approve", *options)

    def apply_patiently(self) -> subprocess.CompletedProcess[str]:
        """Applies as the pipeline does: again while Google does not know yet what was made."""
        retry = (sys.executable, "-m", "delivery.retry")
        return self.run("apply", "-input=false", "-no-color", "-auto-approve", through=retry)

    def destroy(self) -> subprocess.CompletedProcess[str]:
        """Destroys all of it."""
        return self.run("destroy", "-input=false", "-no-color", "-auto-approve")

    def run(self, *arguments: str, through: Sequence[str] = ()) -> subprocess.CompletedProcess[str]:
        """Runs Terraform to its end.

        Args:
            arguments: of Terraform.
            through: a command that is given the whole command, and runs it.
        """
        return subprocess.run(
            [*through, find_program("terraform"), *arguments],
            cwd=self.folder,
            env=self._environment(),
            capture_output=True,
            text=True,
            check=False,
        )

    def begin_apply(self) -> subprocess.Popen[bytes]:
        """Starts an apply, in a process group of its own, so that its provider ends with it.

        What it prints is lost: as pipes that nobody reads, it would stop once they are full.
        """
        return subprocess.Popen(
            [find_program("terraform"), "apply", "-input=false", "-auto-approve"],
            cwd=self.folder,
            env=self._environment(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def _environment(self) -> dict[str, str]:
        document = json.dumps(self.variables)
        (self.folder / _VARIABLES).write_text(document, encoding="utf-8")
        return {**os.environ, **_ENVIRONMENT, **provider_environment(self.cloud.base)}

    def copy(self, folder: Path, cloud: FakeCloud) -> Deployment:
        """The same, in a folder of its own, with the same state and another cloud."""
        shutil.copytree(self.folder, folder, symlinks=True)
        return Deployment(folder, cloud, dict(self.variables))
