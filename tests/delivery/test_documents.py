"""Documents of the step before that are absent, cut short or something else."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from delivery import attest, policy, release, smoke, succession
from tests.delivery.project import revision

BROKEN = {
    "absent": None,
    "empty": "",
    "cut short": '{"model": "iris", "ver',
    "a list": "[]",
    "a number": "7",
    "an empty object": "{}",
    "other fields": '{"colour": "red"}',
    "deep": "[" * 100_000,
    "no text": b"\xff\xfe",
}


def _policy(folder: Path, **paths: Path) -> list[str]:
    given = {name: paths.get(name, folder / f"{name}.json") for name in ("plan", "revision")}
    return [
        *(f"--{name}={path}" for name, path in given.items()),
        f"--published={paths.get('published', folder / 'published.json')}",
        f"--file={folder / 'plan.tfplan'}",
        "--alias=staging",
        "--candidate=candidate",
        f"--allowed={folder / 'allowed'}",
    ]


COMMANDS: dict[str, tuple[click.Command, Callable[[Path, Path], list[str]]]] = {
    "policy of a plan": (policy.main, lambda folder, bad: _policy(folder, plan=bad)),
    "policy of a revision": (policy.main, lambda folder, bad: _policy(folder, revision=bad)),
    "policy of a version": (policy.main, lambda folder, bad: _policy(folder, published=bad)),
    "succession": (
        succession.main,
        lambda folder, bad: [f"--outputs={folder / 'outputs.json'}", f"--revision={bad}"],
    ),
    "release": (
        release.main,
        lambda folder, bad: [str(bad), f"--registry={folder}", "--alias=staging"],
    ),
    "taking back": (release.main, lambda folder, bad: [f"--back={bad}", f"--registry={folder}"]),
    "smoke test": (
        smoke.main,
        lambda folder, bad: [
            "alias",
            f"--outputs={bad}",
            f"--published={folder / 'published.json'}",
            f"--registry={folder}",
            "--alias=staging",
            "--candidate=candidate",
            "--account=smoke",
        ],
    ),
}


@pytest.mark.parametrize("content", BROKEN.values(), ids=BROKEN)
@pytest.mark.parametrize("command", COMMANDS)
def test_a_document_that_is_none_ends_a_command_with_a_line(
    tmp_path: Path, command: str, content: str | bytes | None
) -> None:
    documents = {
        "plan": {"planned_values": {"outputs": {}}},
        "revision": asdict(revision(1)),
        "published": {"model": "iris", "version": "20260131T235959Z-0123abcd"},
        "outputs": {},
    }
    for name, document in documents.items():
        (tmp_path / f"{name}.json").write_text(json.dumps(document))
    bad = tmp_path / "bad.json"
    if isinstance(content, str):
        bad.write_text(content)
    elif content is not None:
        bad.write_bytes(content)
    main, arguments = COMMANDS[command]
    result = CliRunner().invoke(main, arguments(tmp_path, bad))
    assert isinstance(result.exception, SystemExit), result.exception
    assert result.exit_code in (1, 2, 5)
    assert "Traceback" not in result.output
    assert not (tmp_path / "allowed").exists()


def test_a_bundle_that_was_never_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "revision.json").write_text(json.dumps(asdict(revision(1))))
    result = CliRunner().invoke(
        attest.main, ["make", f"--folder={tmp_path}", "--builder=b", "--run=1"]
    )
    assert result.exit_code == 1
    assert "bundle: expected the path of the bundle, got no file" in result.output
