"""What docs/7-deploy.md says is what is planned."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.support.terraform import INFRA, ROOT, applied
from tools import cost

PAGE = (ROOT / "docs" / "7-deploy.md").read_text(encoding="utf-8")
ROLE = re.compile(r"roles/[\w.]+")


def section(heading: str) -> str:
    _, text = PAGE.split(f"\n## {heading}\n")
    return text.split("\n## ")[0]


def test_the_costs_are_what_the_command_prints() -> None:
    assert cost.table(1_000_000, 10.0) in section("What it creates, and what that costs")


@pytest.mark.parametrize(
    ("load", "free", "dollars"),
    [
        (cost.Load(0, 0.01), False, 0.0),
        # A million times 100 ms of a processor and half a GiB, and the requests.
        (cost.Load(1_000_000, 0.01), False, 2.4 + 0.125 + 0.4),
        (cost.Load(1_000_000, 0.1), False, 2.4 + 0.125 + 0.4),
        (cost.Load(1_000_000, 0.101), False, 2 * (2.4 + 0.125) + 0.4),
        (cost.Load(1_000_000, 0.01, together=10), False, 0.24 + 0.0125 + 0.4),
        (cost.Load(3_000_000, 0.01), True, 120_000 * 0.000024 + 0.4),
    ],
)
def test_a_month_is_billed_by_the_tenth_of_a_second(
    load: cost.Load,
    free: bool,  # noqa: FBT001
    dollars: float,
) -> None:
    assert load.dollars(is_free=free) == pytest.approx(dollars)


def test_every_field_of_a_function_is_explained() -> None:
    text = (INFRA / "variables.tf").read_text(encoding="utf-8")
    (block,) = re.findall(r'^variable "models" \{(.*?)^\}', text, re.DOTALL | re.MULTILINE)
    fields = set(re.findall(r"^    (\w+) +=", block.split("validation {")[0], re.MULTILINE))
    rows = re.findall(r"^\| (`[^|]*) \|", section("What a function can be told"), re.MULTILINE)
    assert {name for row in rows for name in re.findall(r"`(\w+)`", row)} == fields


def test_every_role_that_is_given_is_in_the_table(infra: Path) -> None:
    resources = applied(
        infra,
        project_id="example-project",
        environment="dev",
        bundle="main.tf",
        publishers={"pipeline": "user:me@example.com"},
        kms_key_name="projects/p/locations/europe-west1/keyRings/r/cryptoKeys/k",
        docker_repository="projects/p/locations/europe-west1/repositories/images",
        models={
            "flowers": {
                "models": ["iris"],
                "invokers": {"web": "user:me@example.com"},
                "public": True,
                "secrets": {"KEY": {"secret": "key"}},
            }
        },
    )
    given = {r["values"]["role"] for r in resources if r["type"].endswith("_iam_member")}
    assert given == set(ROLE.findall(section("Who may do what")))


def test_no_account_has_a_role_on_the_project_but_those_that_build(infra: Path) -> None:
    resources = applied(
        infra,
        project_id="example-project",
        environment="staging",
        bundle="main.tf",
        models={"flowers": {"models": ["iris"]}},
    )
    on_project = {
        r["address"].split(".google_project_iam_member")[0]
        for r in resources
        if r["type"] == "google_project_iam_member"
    }
    assert on_project == {"module.build"}
