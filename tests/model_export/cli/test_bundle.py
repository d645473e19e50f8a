"""The command that zips what is deployed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from click.testing import Result

Cli = Callable[..., Result]


def test_the_bundle_is_written_where_it_is_wanted(cli: Cli, tmp_path: Path) -> None:
    result = cli("bundle", "--output", tmp_path / "out")
    (path,) = (tmp_path / "out").iterdir()
    assert result.exit_code == 0
    assert result.stdout.startswith(f"{path}  ")
