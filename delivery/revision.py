"""Which commit a bundle was made from, and which bundle: what a deployment is known by.

    python -m delivery.revision build/delivery/function-0123456789ab.zip --commit 0123… \
      --seconds 1790000000 --json build/delivery/revision.json

bundle.sh asks Git for the commit.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from delivery.documents import of_fields, read_fields

_COMMIT = re.compile(r"[0-9a-f]{40}")
_DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Revision:
    """What a deployment is known by; Terraform keeps it in the state as the output `release`.

    Attributes:
        commit: Git's id of the commit, 40 hexadecimal digits.
        committed_at: When it was committed: RFC 3339, in UTC, to the second.
        digest: sha256 of the function's zip, in hexadecimal.

    Raises:
        ValueError: one of them has another form.
    """

    commit: str
    committed_at: str
    digest: str

    def __post_init__(self) -> None:
        for name, form in (("commit", _COMMIT), ("digest", _DIGEST)):
            value = getattr(self, name)
            if not isinstance(value, str) or not form.fullmatch(value):
                raise ValueError(f"{name}: expected {form.pattern}, got {str(value)[:200]!r}")
        try:
            has_zone = datetime.fromisoformat(self.committed_at).tzinfo is not None
        except (TypeError, ValueError):
            has_zone = False
        if not has_zone:
            told = str(self.committed_at)[:200]
            raise ValueError(f"committed_at: expected such as 2026-12-01T00:00:00Z, got {told!r}")

    @classmethod
    def of(cls, bundle: Path, commit: str, seconds: int) -> Revision:
        """The revision of a bundle.

        Args:
            bundle: Path of the zip.
            commit: Git's id of the commit.
            seconds: When it was committed, since 1970.
        """
        at = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        return cls(commit, at, hashlib.sha256(bundle.read_bytes()).hexdigest())

    @classmethod
    def read(cls, path: Path) -> Revision:
        """The revision that bundle.sh left in a file."""
        return read_fields(path, cls)

    @classmethod
    def of_output(cls, value: Any, path: Path) -> Revision | None:
        """The revision that the output `release` names; None if no pipeline applied the state.

        Args:
            value: The output's value.
            path: Path of the file that it was read from.

        Raises:
            DocumentError: it is no revision.
        """
        return None if value is None else of_fields(value, path, cls)

    @property
    def time(self) -> datetime:
        """When it was committed."""
        return datetime.fromisoformat(self.committed_at)


@click.command()
@click.argument("bundle", type=click.Path(path_type=Path, exists=True))
@click.option("--commit", required=True, help="Git's id of the commit.")
@click.option("--seconds", type=int, required=True, help="When it was committed, since 1970.")
@click.option("--json", "output", type=click.Path(path_type=Path), required=True)
def main(bundle: Path, commit: str, seconds: int, output: Path) -> None:
    """Write down which commit a bundle was made from."""
    if not _COMMIT.fullmatch(commit):
        raise click.BadParameter(f"expected 40 hexadecimal digits, got {commit!r}")
    revision = Revision.of(bundle, commit, seconds)
    output.write_text(json.dumps(asdict(revision)), encoding="utf-8")
    click.echo(f"commit {commit[:12]} of {revision.committed_at}, bundle {revision.digest}")


if __name__ == "__main__":
    main()
