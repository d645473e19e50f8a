"""The runbook against the alerts that lead to it, and its commands against what they call."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import click
import pytest

from model_export.cli import main
from tests.support.cloud_logging import Filter, log_entry
from tests.support.monitored import FUNCTIONS, monitored
from tests.support.terraform import ROOT
from tests.support.tiny import WEIGHTS, examples
from tests.support.world import World
from tflite_serving.http import RequestHead
from tflite_serving.service import Service

RUNBOOK = ROOT / "docs" / "8-runbook.md"
BODY = json.dumps({"instances": examples(2).inputs["features"].tolist()}).encode()
RECORDER = """#!/bin/sh
{{ printf '%s\\0' {name} "$@"; printf '\\0'; }} >> "$CALLS"
echo a-token
"""


def sections(level: int) -> dict[str, str]:
    """What is under each heading of a level, by the heading."""
    text = RUNBOOK.read_text(encoding="utf-8")
    parts = re.split(rf"^(#{{1,{level}}}) (.+)\n", text, flags=re.MULTILINE)
    found = zip(parts[1::3], parts[2::3], parts[3::3], strict=True)
    return {title: body for marks, title, body in found if len(marks) == level}


def anchor(title: str) -> str:
    """As GitHub makes it of a heading."""
    return re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-")


def commands(body: str) -> list[str]:
    """The lines of a section's first block of code."""
    block = re.search(r"(?:^    .+\n)+", body, re.MULTILINE)
    assert block, body
    return [line.strip() for line in block[0].splitlines()]


def names(policy: Mapping[str, Any]) -> dict[str, str]:
    """What stands for the runbook's variables in one alert."""
    function = policy["user_labels"]["function"]
    model = FUNCTIONS[function]["models"][0]
    return {
        "$PROJECT": "example-project",
        "$REGION": "europe-west1",
        "$FUNCTION": function,
        "$URL": "https://digits-abc-ew.a.run.app",
        "$REGISTRY": "gs://example-project-staging-models",
        "$BUCKET": "gs://example-project-staging-models",
        "$MODEL": model,
        "$SLOW_MS": "500",
    }


@pytest.fixture(scope="module")
def policies(infra: Path) -> tuple[Mapping[str, Any], ...]:
    return monitored(infra)["google_monitoring_alert_policy"]


def title(policy: Mapping[str, Any]) -> str:
    found = re.fullmatch(r"\w+: (.+) \(staging\)", policy["display_name"])
    assert found
    return found[1]


def test_every_alert_has_its_section_and_every_section_its_alert(
    policies: tuple[Mapping[str, Any], ...],
) -> None:
    for function in FUNCTIONS:
        told = [title(p) for p in policies if p["user_labels"]["function"] == function]
        assert sorted(told) == sorted(sections(3))


def test_every_alert_leads_to_its_section_and_to_the_way_back(
    policies: tuple[Mapping[str, Any], ...],
) -> None:
    anchors = {anchor(heading) for level in (2, 3) for heading in sections(level)}
    for policy in policies:
        (documentation,) = policy["documentation"]
        linked = re.findall(r"docs/8-runbook\.md#([\w-]+)", documentation["content"])
        assert linked == [anchor(title(policy)), "roll-back"]
        assert set(linked) <= anchors


def test_the_severity_is_the_alerts(policies: tuple[Mapping[str, Any], ...]) -> None:
    for policy in policies:
        assert f"**{policy['severity'].capitalize()}.**" in sections(3)[title(policy)]


def test_the_alert_has_the_runbooks_commands_with_the_names_filled_in(
    policies: tuple[Mapping[str, Any], ...],
) -> None:
    for policy in policies:
        expected = commands(sections(3)[title(policy)])
        assert len(expected) == 3
        for variable, value in names(policy).items():
            expected = [command.replace(variable, value) for command in expected]
        (documentation,) = policy["documentation"]
        assert re.findall(r"^    (.+)$", documentation["content"], re.MULTILINE) == expected
        assert "$" not in "".join(expected).replace("$(gcloud", "").replace('%2Fsystem$\\"', "")


def test_the_alert_says_how_to_roll_back(policies: tuple[Mapping[str, Any], ...]) -> None:
    for policy in policies:
        (documentation,) = policy["documentation"]
        (command,) = re.findall(r"Roll back \w+: `(.+?)`", documentation["content"])
        model = names(policy)["$MODEL"]
        registry = names(policy)["$REGISTRY"]
        assert command == (
            f"python -m model_export rollback {model} production --registry {registry}"
        )
        assert_understood(shlex.split(command))


def test_links_within_the_page_lead_somewhere() -> None:
    text = RUNBOOK.read_text(encoding="utf-8")
    anchors = {anchor(heading) for level in (2, 3) for heading in sections(level)}
    assert set(re.findall(r"\]\(#([\w-]+)\)", text)) <= anchors


def test_the_table_has_every_metric_with_its_labels(infra: Path) -> None:
    rows = re.findall(
        r"^\| `tflite_functions_<environment>_(\w+)` \|.+\| (.+) \|$",
        RUNBOOK.read_text(encoding="utf-8"),
        re.MULTILINE,
    )
    documented = {name: set(re.findall(r"`(\w+)`", labels)) for name, labels in rows}
    planned = monitored(infra)["google_logging_metric"]
    assert documented == {metric["index"]: set(metric["label_extractors"]) for metric in planned}


def test_each_code_that_wakes_people_is_explained(
    policies: tuple[Mapping[str, Any], ...],
) -> None:
    for alert, heading in (("load_failures", "Load failures"), ("refused", "Refused artifacts")):
        policy = next(p for p in policies if p["user_labels"]["alert"] == alert)
        (alternatives,) = re.findall(
            r'"\^?\(?([a-z_]+(?:\|[a-z_]+)+)', json.dumps(policy["conditions"]).replace("\\", "")
        )
        told = set(re.findall(r"`([a-z_]+)`", sections(3)[heading]))
        assert set(alternatives.split("|")) <= told


def calls(folder: Path, lines: list[str]) -> list[list[str]]:
    """What a shell makes of the commands: the programs with their arguments."""
    programs = folder / "programs"
    programs.mkdir(exist_ok=True)
    for name in ("gcloud", "curl", "python", "terraform"):
        (programs / name).write_text(RECORDER.format(name=name), encoding="utf-8")
        (programs / name).chmod(0o755)
    told = folder / "calls"
    told.unlink(missing_ok=True)
    subprocess.run(
        ["bash", "-euc", "\n".join(lines)],
        env={
            "PATH": f"{programs}:{os.environ['PATH']}",
            "CALLS": str(told),
            "PROJECT": "example-project",
            "REGION": "europe-west1",
            "FUNCTION": "my-flowers",
            "URL": "https://flowers.example.com",
            "REGISTRY": "gs://models",
            "BUCKET": "gs://models",
            "MODEL": "iris",
            "ALIAS": "production",
            "SLOW_MS": "500",
        },
        capture_output=True,
        check=True,
    )
    found = told.read_text(encoding="utf-8").split("\0\0")[:-1]
    return [call.split("\0") for call in found]


def assert_understood(call: list[str]) -> None:
    """The command line takes the arguments; nothing is run."""
    assert call[:3] == ["python", "-m", "model_export"]
    verb, *arguments = call[3:]
    assert isinstance(main, click.Group)
    main.commands[verb].make_context(verb, arguments)


@pytest.mark.parametrize("heading", [*sections(3), "Roll back", "Budget"])
def test_the_commands_are_ones_that_a_shell_and_our_programs_understand(
    tmp_path: Path, heading: str
) -> None:
    body = {**sections(2), **sections(3)}[heading]
    made = calls(tmp_path, commands(body))
    assert len(made) >= len(commands(body))
    for call in made:
        if call[0] == "python":
            assert_understood(call)
        if call[:3] == ["gcloud", "logging", "read"]:
            clauses = Filter.parse(call[3]).clauses
            assert (clauses[0].path, clauses[0].value) == (
                "resource.labels.service_name",
                "my-flowers",
            )


def good(world: World) -> None:
    world.publish()


def missing(world: World) -> None:
    assert not world.store.reads


def wrong(world: World) -> None:
    world.publish(golden_weights=-WEIGHTS)


def chosen(world: World, tmp_path: Path, heading: str) -> list[str]:
    """Messages of the lines that the section's first command shows."""
    settings = world.settings("iris")
    function = Service(settings, world.catalog("iris"), world.log)
    with function.open(
        RequestHead("POST", "/predict", headers={"content-type": "application/json"})
    ) as exchange:
        exchange.admit(len(BODY))
        exchange.answer(BODY)
    read = next(
        call
        for call in calls(tmp_path, commands(sections(3)[heading]))
        if call[:3] == ["gcloud", "logging", "read"]
    )
    shown = Filter.parse(read[3])
    entries = [log_entry(line, "my-flowers") for line in world.lines.entries]
    return [e["jsonPayload"]["message"].split(" ")[0] for e in entries if shown.accepts(e)]


@pytest.mark.parametrize(
    ("heading", "happens", "expected"),
    [
        ("Refused artifacts", wrong, ["cannot"]),
        ("Refused artifacts", missing, []),
        ("Load failures", missing, ["cannot"]),
        ("Load failures", good, []),
        ("Error ratio", missing, ["model"]),
        ("Error ratio", good, []),
        ("Cold starts", good, ["loaded"]),
        ("Cold starts", missing, []),
        ("Latency p95", good, []),
        ("No traffic", good, ["POST"]),
        ("Uptime", missing, ["cannot", "model"]),
    ],
)
def test_the_first_look_shows_the_lines_that_the_alert_is_about(
    tmp_path: Path, heading: str, happens: Callable[[World], None], expected: list[str]
) -> None:
    world = World(tmp_path)
    happens(world)
    assert chosen(world, tmp_path, heading) == expected
