"""Programs that tests need and pip cannot install."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

# Where `go install` puts programs, which is not on everybody's PATH.
_GO = Path.home() / "go" / "bin"


def find_program(*names: str) -> str:
    """The first of these that is installed.

    Without any the test is skipped; where CI is set it fails.

    Args:
        names: of the same program on different systems.
    """
    for name in names:
        program = shutil.which(name) or shutil.which(name, path=_GO)
        if program is not None:
            return program
    reason = f"not installed: {' or '.join(names)}; see CONTRIBUTING.md"
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)
