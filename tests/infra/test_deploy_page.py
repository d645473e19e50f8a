"""What docs/7-deploy.md says is what is planned."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.support.infra.terraform import applied
from tests.support.places import INFRA, ROOT
from tools import cost

PAGE = (ROOT / "docs" / "7-deploy.md").read_text(encoding="utf-8")
ROLE = re.compile(r"roles/[\w.]+")


def section(heading: str) -> str:
    _, text = PAGE.split(f"\n## {heading}\n")
    return text.split("\n## ")[0]


def test_the_costs_are_what_the_command_prints() -> None:
    text = section("What it creates, and what that costs")
    assert cost.table(1_000_000, 10.0) in text
    assert cost.whole_table(1_000_000, 10.0) in text


def test_the_command_prices_an_environment_of_your_own(capsys: pytest.CaptureFixture[str]) -> None:
    cost.main(["--requests=20000", "--milliseconds=40", "--functions=3", "--alerts=all"])
    *_, today, later = capsys.readouterr().out.splitlines()
    asked = cost.Load(20_000, 0.04).dollars(is_free=False) + cost.Edge(20_000).dollars()
    assert [cell.strip() for cell in today.strip("|").split("|")] == [
        "any",
        "any, before 2027-09-01",
        "0.00",
        "26.25",
        f"{asked:.2f}",
    ]
    idle = cost.Alerts("all").dollars()
    assert [cell.strip() for cell in later.strip("|").split("|")] == [
        "3",
        "all",
        f"{idle:.2f}",
        f"{idle + 26.25:.2f}",
        f"{asked + cost.Alerts('all', 3).dollars():.2f}",
    ]


def test_the_page_counts_the_references_of_the_alerts() -> None:
    text = " ".join(section("What it creates, and what that costs").split())
    told = re.search(r'(\d+) references with `monitoring.alerts = "all"`, (\d+) with', text)
    assert told
    assert [int(count) for count in told.groups()] == [
        cost.METRIC_REFERENCES["all"],
        cost.METRIC_REFERENCES["essential"],
    ]


@pytest.mark.parametrize(
    ("alerts", "dollars"),
    [
        (cost.Alerts("all"), 24 * 0.35),
        (cost.Alerts("essential"), 5 * 0.35),
        # One point a minute for each reference and function, 730 hours long.
        (cost.Alerts("essential", busy_functions=2), 5 * 0.35 + 5 * 2 * 43_800 * 0.5e-6),
    ],
)
def test_alerts_are_billed_by_what_they_refer_to_and_return(
    alerts: cost.Alerts, dollars: float
) -> None:
    assert alerts.dollars() == pytest.approx(dollars)


def test_the_edge_is_billed_by_the_hour_the_request_and_the_byte() -> None:
    assert cost.Edge().dollars() == pytest.approx(18.25 + 5 + 3)
    moved = 1e6 * 4000 / 2**30 * 0.008
    assert cost.Edge(1_000_000).dollars() == pytest.approx(26.25 + 0.75 + moved)


def test_the_edge_has_as_many_rules_as_the_costs_say(infra: Path) -> None:
    resources = applied(
        infra,
        project_id="example-project",
        environment="staging",
        bundle="main.tf",
        models={"flowers": {"models": ["iris"], "ingress": "ALLOW_INTERNAL_AND_GCLB"}},
        public_edge={"hosts": {"api.example.com": {"function": "flowers"}}},
    )
    (policy,) = [r for r in resources if r["type"] == "google_compute_security_policy"]
    assert len(policy["values"]["rule"]) == cost.ARMOR_RULES
    rules = [r for r in resources if r["type"] == "google_compute_global_forwarding_rule"]
    assert len(rules) == 2


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
            },
            "birds": {
                "platform": "service",
                "models": ["birds"],
                "vpc": {"subnetwork": "projects/host/regions/europe-west1/subnetworks/s"},
            },
        },
        grant_shared_subnetworks=True,
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
