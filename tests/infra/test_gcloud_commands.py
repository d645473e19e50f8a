"""The gcloud commands of pages, scripts and Terraform against gcloud's own parser."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from tests.support.infra.gcloud import Command, commands_in, parsed
from tests.support.places import ROOT

# What gcloud's parser accepted, and by which version: groups and verb, and the flags that are used.
RECORD = Path(__file__).with_name("gcloud_commands.json")
PAGES = [
    ROOT / "README.md",
    *sorted((ROOT / "docs").glob("*.md")),
    *sorted((ROOT / "delivery").glob("*.sh")),
    *sorted((ROOT / "infra").rglob("*.tf")),
]


@pytest.fixture(scope="module")
def commands() -> Sequence[Command]:
    return [command for path in PAGES for command in commands_in(path)]


def recorded() -> Mapping[str, frozenset[str]]:
    accepted = json.loads(RECORD.read_text(encoding="utf-8"))["accepted"]
    return {name: frozenset(flags) for name, flags in accepted.items()}


def test_every_command_was_accepted_by_gcloud(commands: Sequence[Command]) -> None:
    """Against the record: whether values are of the right form only gcloud itself knows."""
    known = recorded()
    unknown = [
        f"{command.path.relative_to(ROOT)}: {command.text}"
        for command in commands
        if not any(
            command.words[: len(name.split())] == tuple(name.split()) and command.flags <= flags
            for name, flags in known.items()
        )
    ]
    assert not unknown, (
        f"expected commands and flags of {RECORD.name}; where gcloud is installed, the test below "
        "says whether these exist, and what to add to the file"
    )


def test_nothing_is_recorded_that_nobody_names(commands: Sequence[Command]) -> None:
    for name, flags in recorded().items():
        used = [one for one in commands if one.words[: len(name.split())] == tuple(name.split())]
        assert flags == frozenset().union(*(one.flags for one in used)), name
        assert used, name


def test_gcloud_parses_every_command(commands: Sequence[Command], tmp_path: Path) -> None:
    program = shutil.which("gcloud")
    if program is None:
        pytest.skip("gcloud is not installed: its commands are compared with the record alone")
    wrong = Command(RECORD, ("run", "services", "list", "--regions=europe-west1"))
    judged, *all_verdicts = parsed(program, [wrong, *commands], tmp_path)
    assert judged.complaint is not None, "gcloud accepts everything"
    verdicts = [
        verdict
        for verdict in all_verdicts
        # Components of their own, which need not be installed.
        if verdict.complaint not in ("Invalid choice: 'alpha'", "Invalid choice: 'beta'")
    ]
    complaints = [f"{one.command.text}: {one.complaint}" for one in verdicts if one.complaint]
    assert not complaints, "\n".join(complaints)
    known = recorded()
    for verdict in verdicts:
        assert verdict.command.flags <= known.get(verdict.name, frozenset()), (
            f"add to {RECORD.name}: {verdict.name} {sorted(verdict.command.flags)}"
        )


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        (
            "page.md",
            "Text.\n\n    gcloud a b --c=d \\\n      e  # why\n",
            [["a", "b", "--c=d", "e"]],
        ),
        ("page.md", "As `gcloud a list` has them, of gcloud and others.\n", [["a", "list"]]),
        ("page.md", '    x="$(gcloud a "$B" --c="f(d)")"\n', [["a", "name", "--c=f(d)"]]),
        ("page.md", "    gcloud a && gcloud b | jq .c\n", [["a"], ["b"]]),
        ("page.md", '    gcloud a "b=\\"$C\\" AND d"\n', [["a", 'b="name" AND d']]),
        ("run.sh", '# gcloud a\nif gcloud b "${C[@]}" >/dev/null 2>&1; then\n', [["b", "name"]]),
        ("x.tf", '  look = "gcloud a \\"$B\\""\n', [["a", "name"]]),
    ],
)
def test_commands_are_found_in_what_is_around_them(
    tmp_path: Path, name: str, text: str, expected: list[list[str]]
) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")
    assert [list(one.words) for one in commands_in(tmp_path / name)] == expected
