"""Documents of the step before that are absent, cut short or something else."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator
from copy import copy
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

from delivery import attest, policy, release, remainder, smoke, succession
from delivery.release import Released
from tests.delivery.project import PLANNED, revision

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
        "--environment=staging",
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
    "succession after outputs": (
        succession.main,
        lambda folder, bad: [f"--outputs={bad}", f"--revision={folder / 'revision.json'}"],
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


PLAN = {
    "variables": {"environment": {"value": "staging"}},
    "output_changes": {"release": {"before": asdict(revision(1))}},
    "resource_changes": [
        {
            "address": "google_cloudfunctions2_function.old",
            "type": "google_cloudfunctions2_function",
            "action_reason": "replace_because_tainted",
            "change": {
                "actions": ["delete", "create"],
                "before": {"state": "FAILED"},
                "replace_paths": [["name"]],
            },
        }
    ],
    **PLANNED,
}
OUTPUTS = {**PLANNED["planned_values"]["outputs"], "release": {"value": asdict(revision(1))}}
VERSION = {"model": "iris", "version": "20260131T235959Z-0123abcd"}
WHOLE: dict[str, Any] = {
    "policy of a plan": PLAN,
    "policy of a revision": asdict(revision(2)),
    "policy of a version": VERSION,
    "succession": asdict(revision(1)),
    "succession after outputs": OUTPUTS,
    "release": VERSION,
    "taking back": asdict(Released("iris", VERSION["version"], "staging", None)),
    "smoke test": OUTPUTS,
}


def damaged(document: Any) -> Iterator[Any]:
    """A document with each of its parts replaced by something else, in turn."""
    yield from (None, 7, "x", [], {}, [7], [{}], {"x": 7})
    if isinstance(document, dict | list):
        for key in document if isinstance(document, dict) else range(len(document)):
            for part in damaged(document[key]):
                other = copy(document)
                other[key] = part
                yield other


@pytest.mark.parametrize("command", WHOLE)
def test_a_document_with_another_form_ends_a_command_with_a_line(
    tmp_path: Path, command: str
) -> None:
    (tmp_path / "plan.tfplan").write_text("a plan")
    documents = {"plan": PLAN, "revision": asdict(revision(2)), "published": VERSION}
    for name, document in {**documents, "outputs": OUTPUTS}.items():
        (tmp_path / f"{name}.json").write_text(json.dumps(document))
    bad = tmp_path / "bad.json"
    main, arguments = COMMANDS[command]
    for document in damaged(WHOLE[command]):
        bad.write_text(json.dumps(document))
        result = CliRunner().invoke(main, arguments(tmp_path, bad))
        assert result.exception is None or isinstance(result.exception, SystemExit), (
            document,
            result.exc_info,
        )


def test_a_plan_with_another_form_is_not_what_is_left(tmp_path: Path) -> None:
    (tmp_path / "allowed.json").write_text(json.dumps(PLAN))
    for document in damaged(PLAN):
        (tmp_path / "plan.json").write_text(json.dumps(document))
        arguments = [f"--allowed={tmp_path / 'allowed.json'}", f"--plan={tmp_path / 'plan.json'}"]
        with contextlib.suppress(SystemExit):
            remainder.main(arguments)


@pytest.mark.parametrize("name", ["function.zip", "plan.tfplan"])
def test_a_file_that_is_gone_is_told(tmp_path: Path, name: str) -> None:
    for part, document in {"plan": PLAN, "revision": asdict(revision(2))}.items():
        (tmp_path / f"{part}.json").write_text(json.dumps(document))
    (tmp_path / "published.json").write_text(json.dumps(VERSION))
    (tmp_path / "bundle").write_text(str(tmp_path / "function.zip"))
    attesting = ["make", f"--folder={tmp_path}", "--builder=b", "--run=1"]
    given = (attest.main, attesting) if name == "function.zip" else (policy.main, _policy(tmp_path))
    result = CliRunner().invoke(*given)
    assert result.exit_code == 1
    assert f"{name}: expected a file, got none" in result.output


def test_a_bundle_that_was_never_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "revision.json").write_text(json.dumps(asdict(revision(1))))
    result = CliRunner().invoke(
        attest.main, ["make", f"--folder={tmp_path}", "--builder=b", "--run=1"]
    )
    assert result.exit_code == 1
    assert "bundle: expected a file, got none" in result.output
