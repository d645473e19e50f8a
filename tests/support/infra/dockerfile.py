"""What a Dockerfile says of the image's last stage."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class LastStage:
    """How a container of the image is run.

    Attributes:
        command: What it runs.
        environment: The variables that it runs with, beside those of its base.
        user: Whom it runs as, `UID:GID`.
        health_command: What exits with 0 while it is well.
    """

    command: Sequence[str]
    environment: Mapping[str, str]
    user: str
    health_command: Sequence[str]


def read_last_stage(path: Path) -> LastStage:
    """Reads a Dockerfile whose commands are JSON.

    Args:
        path: Path of the Dockerfile.
    """
    text = path.read_text(encoding="utf-8").replace("\\\n", " ")
    lines = [line.split(maxsplit=1) for line in text.splitlines() if line and line[0] != "#"]
    start = max(index for index, (word, _) in enumerate(lines) if word == "FROM")
    last = {word: rest for word, rest in lines[start:] if word != "COPY"}
    return LastStage(
        command=json.loads(last["CMD"]),
        environment=dict(pair.split("=", 1) for pair in shlex.split(last["ENV"])),
        user=last["USER"],
        health_command=json.loads(last["HEALTHCHECK"].partition("CMD ")[2]),
    )
