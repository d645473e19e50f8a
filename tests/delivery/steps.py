"""The steps, in a folder of their own, with stand-ins for the programs that need a cloud."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass, field, replace
from pathlib import Path

from tests.support.places import ROOT

_SECONDS = 120
# What a run that runs these tests may have set, and what is not about theirs.
_NOT_OURS = re.compile(
    r"CI|RUN|BUILD_ID|LOCATION|ENVIRONMENT|PROJECT_ID|REGION|RECIPE|EXPORT_SET|SOURCES|REGISTRY|ALIAS"
    r"|CANDIDATE_ALIAS|RELEASE|REPLACES|SIGNING_KEY|KMS"
    r"|FROM_\w+|TESTED_ALIAS|VERSION|\w+_BUCKET|\w+_ACCOUNT|\w+_IMAGE|SMOKE_URL|ANONYMOUS|PATIENCE"
    r"|IAM_CREDENTIALS|TOOLS|OUT|GITHUB_\w+|GH_TOKEN|GOOGLE_CLOUD_PROJECT"
)


@dataclass(frozen=True)
class Steps:
    """Runs the scripts of delivery/.

    Attributes:
        folder: for everything that they write.
        variables: that each of them gets; a test adds its own.
        root: of the repository.
    """

    folder: Path
    variables: dict[str, str] = field(default_factory=dict)
    root: Path = ROOT

    @property
    def out(self) -> Path:
        """Where steps leave what later ones need."""
        return self.folder / "out"

    @property
    def calls(self) -> list[str]:
        """What the stand-ins were called with, in order."""
        path = self.folder / "calls"
        return path.read_text(encoding="utf-8").splitlines() if path.exists() else []

    def stand_in(self, program: str, script: str) -> None:
        """Puts a program first on the PATH, which notes its arguments and runs a script."""
        path = self.folder / "bin" / program
        path.parent.mkdir(exist_ok=True)
        calls = shlex.quote(str(self.folder / "calls"))
        path.write_text(f'#!/usr/bin/env bash\necho "{program} $*" >>{calls}\n{script}\n')
        path.chmod(0o755)

    def run(self, step: str, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Runs one step to its end.

        Args:
            step: such as "export".
            arguments: of it.
            variables: beyond `self.variables`.
        """
        inherited = {
            name: value for name, value in os.environ.items() if not _NOT_OURS.fullmatch(name)
        }
        return subprocess.run(
            [self.root / "delivery" / f"{step}.sh", *arguments],
            env={
                **inherited,
                "PATH": f"{self.folder / 'bin'}:{os.environ['PATH']}",
                "PYTHON": sys.executable,
                "OUT": str(self.out),
                **self.variables,
                **variables,
            },
            capture_output=True,
            text=True,
            check=False,
            cwd=self.folder,
            timeout=_SECONDS,
        )


def checkout(steps: Steps) -> Steps:
    """A Git repository of its own with delivery/ in it, so that this one may have other changes."""
    tree = steps.folder / "checkout"
    shutil.copytree(ROOT / "delivery", tree / "delivery")
    _git(tree, "init", "--quiet")
    commit(tree, seconds=1_800_000_000)
    return replace(steps, root=tree)


def commit(tree: Path, seconds: int) -> str:
    """Commits all that is there.

    Args:
        tree: Root of the repository.
        seconds: When it is said to be committed, since 1970.

    Returns:
        Git's id of the commit.
    """
    _git(tree, "add", "--all")
    who = ("-c", "user.name=nobody", "-c", "user.email=nobody@example.com")
    at = {"GIT_AUTHOR_DATE": f"{seconds} +0200", "GIT_COMMITTER_DATE": f"{seconds} +0200"}
    _git(tree, *who, "commit", "--quiet", "--message=Change", **at)
    return _git(tree, "rev-parse", "HEAD").strip()


def _git(tree: Path, *arguments: str, **variables: str) -> str:
    # Hooks and signatures of whoever runs the tests have no part in them.
    alone = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    return subprocess.run(
        ["git", *arguments],
        cwd=tree,
        env={**inherited, **alone, **variables},
        capture_output=True,
        text=True,
        check=True,
    ).stdout


def write_recipe(folder: Path) -> Path:
    recipe = folder / "recipe.toml"
    recipe.write_text(
        '[model]\nname = "iris"\nsource = "iris.keras"\n[data]\nsource = "iris.npz"\n'
        '[quantize]\nvariants = ["float32"]\n[measure]\nstarts = 1\nrounds = 2\n'
        "[gate]\nmax_drop = 0.1\n"
    )
    return recipe
