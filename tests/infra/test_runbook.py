"""The runbook against the alerts that lead to it, and its commands against what they call."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import pytest
from ruamel.yaml import YAML

from model_export.cli import main
from tests.support.infra.cloud_logging import Filter, log_entry
from tests.support.infra.monitored import FUNCTIONS, monitored
from tests.support.models.tiny import WEIGHTS, examples
from tests.support.places import ROOT
from tests.support.server.held_registry import World
from tflite_serving.http.messages import RequestHead
from tflite_serving.service.service import Service

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


def blocks(body: str) -> list[list[str]]:
    """The lines of each block of code in a section."""
    found = re.findall(r"(?:^    .+\n)+", body, re.MULTILINE)
    return [[line.strip() for line in block.splitlines()] for block in found]


def commands(body: str) -> list[str]:
    """The lines of a section's first block of code."""
    return blocks(body)[0]


@dataclass(frozen=True, slots=True)
class Incident:
    """What somebody is told of one function.

    Attributes:
        function: Name of the function.
        alert: Title of the alert, as the runbook has it.
        policy: The policy, as planned.
    """

    function: str
    alert: str
    policy: Mapping[str, Any]

    @property
    def text(self) -> str:
        """The documentation, with the function filled in as Cloud Monitoring does."""
        (documentation,) = self.policy["documentation"]
        content: str = documentation["content"]
        return content.replace("${metric_or_resource.label.service_name}", self.function)

    @property
    def lines(self) -> list[str]:
        """The block of code."""
        return [
            line.removeprefix("    ") for line in re.findall("^    .+$", self.text, re.MULTILINE)
        ]


def incidents(policies: tuple[Mapping[str, Any], ...]) -> list[Incident]:
    """Every alert of every function; a policy that names a function is of that one alone."""
    found = []
    for policy in policies:
        matched = re.fullmatch(r"(.+?)(?:: (\w+))? \(staging\)", policy["display_name"])
        assert matched
        alert, function = matched.groups()
        found += [Incident(name, alert, policy) for name in ([function] if function else FUNCTIONS)]
    return found


@pytest.fixture(scope="module")
def policies(infra: Path) -> tuple[Mapping[str, Any], ...]:
    return monitored(infra)["google_monitoring_alert_policy"]


@pytest.fixture(scope="module")
def told(policies: tuple[Mapping[str, Any], ...]) -> list[Incident]:
    return incidents(policies)


def test_every_alert_has_its_section_and_every_section_its_alert(told: list[Incident]) -> None:
    for function in FUNCTIONS:
        alerts = [incident.alert for incident in told if incident.function == function]
        assert sorted(alerts) == sorted(sections(3))


def test_every_alert_leads_to_its_section_and_to_the_way_back(told: list[Incident]) -> None:
    anchors = {anchor(heading) for level in (2, 3) for heading in sections(level)}
    for incident in told:
        linked = re.findall(r"docs/8-runbook\.md#([\w-]+)", incident.text)
        assert linked == [anchor(incident.alert), "roll-back"]
        assert set(linked) <= anchors


def test_the_subject_names_alert_function_and_environment(told: list[Incident]) -> None:
    for incident in told:
        (documentation,) = incident.policy["documentation"]
        subject = documentation["subject"].replace(
            "${metric_or_resource.label.service_name}", incident.function
        )
        assert subject == f"{incident.alert}: {incident.function} (staging)"


def test_the_severity_is_the_alerts(told: list[Incident]) -> None:
    for incident in told:
        severity = incident.policy["severity"].capitalize()
        assert f"**{severity}.**" in sections(3)[incident.alert]


def test_the_page_says_which_alerts_are_essential(infra: Path) -> None:
    text = (infra / "modules" / "monitoring" / "guides.tf").read_text(encoding="utf-8")
    essential = re.findall(r'title += "(.+)"(?:\n.*){2}\n +essential = true', text)
    (listed,) = re.findall(r"`essential` alerts are\s(.+?)\.", sections(2)["Alerts"], re.DOTALL)
    assert sorted(re.findall(r"\[([^\]]+)\]", listed.replace("\n", " "))) == sorted(essential)


def test_the_alert_has_the_runbooks_commands(told: list[Incident]) -> None:
    for incident in told:
        expected = commands(sections(3)[incident.alert])
        assert len(expected) == 3
        assert incident.lines[-3:] == expected


def test_the_alert_sets_every_name_that_its_commands_read(
    tmp_path: Path, told: list[Incident]
) -> None:
    """Run in a shell that knows none of them, for each function."""
    registry = "gs://example-project-staging-models"
    for incident in told:
        back = [line for line in incident.text.splitlines() if line.startswith("Roll back")]
        (command,) = re.findall(r"Roll back: `(.+?)`", "\n".join(back))
        *looks, rollback = calls(tmp_path, [*incident.lines, command], named={})
        model = FUNCTIONS[incident.function]["models"][0]
        assert rollback == [
            *("python", "-m", "model_export", "rollback"),
            *(model, "production", "--registry", registry),
        ]
        assert_understood(rollback)
        for call in looks:
            if call[:4] == ["python", "-m", "model_export", "list"]:
                assert call[4:] == [registry, model]
            elif call[:2] == ["gcloud", "storage"]:
                assert call[-1].startswith(registry)
            elif call[:2] in (["gcloud", "logging"], ["gcloud", "run"]):
                assert incident.function in " ".join(call)
                assert "--project=example-project" in call


def test_the_alert_and_the_page_say_who_takes_back_what_a_pipeline_released(
    tmp_path: Path, told: list[Incident]
) -> None:
    """A pipeline is the only publisher, so that the usual command ends in 403 for everybody."""
    run = ("gcloud", "builds", "triggers", "run", "rollback-{environment}", "--project={project}")
    expected = " ".join((*run, "--region=REGION_OF_THE_CONNECTION"))
    for incident in told:
        command = expected.format(environment="staging", project="example-project")
        assert f"`rollbackers`: `{command}`" in incident.text
    _, ours = blocks(sections(2)["Roll back"])
    cloud_build, github = calls(tmp_path, ours)
    assert " ".join(cloud_build) == expected.format(environment="prod", project=NAMED["PROJECT"])
    workflow = YAML(typ="safe", pure=True).load(ROOT / ".github" / "workflows" / "rollback.yaml")
    inputs = workflow["on"]["workflow_dispatch"]["inputs"]
    assert github[:4] == ["gh", "workflow", "run", "rollback.yaml"]
    assert {word.partition("=")[0] for word in github if "=" in word} <= set(inputs)


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
            r'code=~"\^?\(?([a-z_]+(?:\|[a-z_]+)+)',
            json.dumps(policy["conditions"]).replace("\\", ""),
        )
        told = set(re.findall(r"`([a-z_]+)`", sections(3)[heading]))
        assert set(alternatives.split("|")) <= told


NAMED: Mapping[str, str] = {
    "PROJECT": "example-project",
    "REGION": "europe-west1",
    "FUNCTION": "my-flowers",
    "URL": "https://flowers.example.com",
    "REGISTRY": "gs://models",
    "BUCKET": "gs://models",
    "MODEL": "iris",
    "ALIAS": "production",
    "SLOW_MS": "500",
}


def calls(folder: Path, lines: list[str], named: Mapping[str, str] = NAMED) -> list[list[str]]:
    """What a shell makes of the commands: the programs with their arguments."""
    programs = folder / "programs"
    checkout = folder / "checkout"
    stand_ins = [programs / name for name in ("gcloud", "curl", "gh", "terraform")]
    for path in [*stand_ins, checkout / ".venv" / "bin" / "python"]:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(RECORDER.format(name=path.name), encoding="utf-8")
        path.chmod(0o755)
    told = folder / "calls"
    told.unlink(missing_ok=True)
    subprocess.run(
        ["bash", "-euc", "\n".join(lines)],
        env={
            "PATH": f"{programs}:{os.environ['PATH']}",
            "CALLS": str(told),
            **named,
        },
        cwd=checkout,
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
