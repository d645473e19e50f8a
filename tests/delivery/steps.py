"""The steps, in a folder of their own, with stand-ins for the programs that need a cloud."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
_SECONDS = 120
# What a run that runs these tests may have set, and what is not about theirs.
_NOT_OURS = re.compile(
    r"CI|RUN|BUILD_ID|LOCATION|ENVIRONMENT|PROJECT_ID|REGION|RECIPE|EXPORT_SET|SOURCES|REGISTRY|ALIAS"
    r"|FROM_\w+|TESTED_ALIAS|VERSION|\w+_BUCKET|\w+_ACCOUNT|\w+_IMAGE|SMOKE_URL|ANONYMOUS|PATIENCE"
    r"|IAM_CREDENTIALS|TOOLS|OUT|UV_CACHE_DIR|GITHUB_\w+|GH_TOKEN|GOOGLE_CLOUD_PROJECT"
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


def write_recipe(folder: Path) -> Path:
    recipe = folder / "recipe.toml"
    recipe.write_text(
        '[model]\nname = "iris"\nsource = "iris.keras"\n[data]\nsource = "iris.npz"\n'
        '[quantize]\nvariants = ["float32"]\n[measure]\nstarts = 1\nrounds = 2\n'
        "[gate]\nmax_drop = 0.1\n"
    )
    return recipe
