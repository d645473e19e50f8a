"""The alerts' queries as planned, evaluated by Prometheus on the traffic of an hour."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.support.infra.monitored import FUNCTIONS, monitored
from tests.support.infra.promql import Series, assert_fires
from tests.support.infra.terraform import applied, assert_done, terraform
from tools import cost

# What Cloud Run writes, by Google's rule for metrics' names in PromQL.
REQUESTS = "run_googleapis_com:request_count"
LATENCIES = "run_googleapis_com:request_latencies_bucket"
INSTANCES = "run_googleapis_com:container_instance_count"
LOADS = "logging_googleapis_com:user_tflite_functions_staging_loads"
FAILURES = "logging_googleapis_com:user_tflite_functions_staging_load_failures"
CHECKS = "monitoring_googleapis_com:uptime_check_check_passed"
REFERENCE = re.compile(r"\b\w+_googleapis_com:\w+")


def of(function: str, location: str = "europe-west1", **labels: str) -> dict[str, str]:
    """Labels of a function's series."""
    return {
        "monitored_resource": "cloud_run_revision",
        "service_name": function,
        "location": location,
        **labels,
    }


def requests(per_minute: float, function: str = "digits", code: str = "2xx", **more: str) -> Series:
    """Requests by class of their status, for six hours."""
    return Series(REQUESTS, of(function, response_code_class=code, **more), f"0+{per_minute}x360")


def latencies(per_minute: float, slow: float, function: str = "digits") -> list[Series]:
    """Latencies, of which some are between 1000 and 4000 ms, and the others below 100."""
    below = {"100": per_minute - slow, "1000": per_minute - slow, "4000": per_minute}
    return [
        Series(LATENCIES, of(function, le=le), f"0+{count}x360")
        for le, count in {**below, "+Inf": per_minute}.items()
    ]


def counted(name: str, per_minute: float, function: str = "digits", **labels: str) -> Series:
    """Log lines that a metric counts."""
    return Series(name, of(function, **labels), f"0+{per_minute}x360")


def active(count: int, minutes: int, function: str = "digits") -> Series:
    """Instances that answer, for the first minutes of it, and one afterwards."""
    return Series(INSTANCES, of(function, state="active"), f"{count}x{minutes} 1x{360 - minutes}")


def idle(count: int, function: str = "digits") -> Series:
    """Instances that are kept and do nothing."""
    return Series(INSTANCES, of(function, state="idle"), f"{count}x360")


def checks(check: str, passed: Sequence[int]) -> list[Series]:
    """A check every quarter of an hour from several regions."""
    return [
        Series(
            CHECKS,
            {
                "monitored_resource": "uptime_url",
                "check_id": check,
                "checker_location": str(region),
            },
            f"{value} " + f"_x14 {value} " * 20,
        )
        for region, value in enumerate(passed)
    ]


DIGITS = {"service_name": "digits"}
FLOWERS = {"service_name": "flowers"}


@pytest.fixture(scope="module")
def conditions(infra: Path) -> Mapping[str, Mapping[str, Any]]:
    """What each policy asks of the metrics, by the alert."""
    return {
        policy["index"]: condition
        for policy in monitored(infra)["google_monitoring_alert_policy"]
        for whole in policy["conditions"]
        for condition in whole["condition_prometheus_query_language"]
    }


@pytest.mark.parametrize(
    ("alert", "series", "expected"),
    [
        ("error_ratio", [requests(94), requests(6, code="5xx")], [DIGITS]),
        ("error_ratio", [requests(96), requests(4, code="5xx")], []),
        ("error_ratio", [requests(10, code="4xx"), requests(90)], []),
        ("error_ratio", [requests(100, code="5xx")], [DIGITS]),
        # Four requests a minute are twenty in five minutes, which is not more than twenty.
        ("error_ratio", [requests(4, code="5xx")], []),
        ("error_ratio", [requests(5, code="5xx")], [DIGITS]),
        # Errors of one function do not count for the other, and traffic does not either.
        ("error_ratio", [requests(4, code="5xx"), requests(1000, "flowers")], []),
        (
            "error_ratio",
            [requests(9, code="5xx"), requests(9, "flowers", "5xx"), requests(1, "flowers")],
            [DIGITS, FLOWERS],
        ),
        ("error_ratio", [requests(100, "others", "5xx")], []),
        ("error_ratio", [requests(100, code="5xx", location="us-central1")], []),
        # Several revisions are one function.
        (
            "error_ratio",
            [
                requests(3, code="5xx", revision_name="digits-1"),
                requests(3, code="5xx", revision_name="digits-2"),
            ],
            [DIGITS],
        ),
        ("latency_p95", [*latencies(100, 6), requests(100)], [DIGITS]),
        ("latency_p95", [*latencies(100, 4), requests(100)], []),
        ("latency_p95", [*latencies(4, 4), requests(4)], []),
        ("latency_p99", [*latencies(100, 2), requests(100)], [DIGITS]),
        ("latency_p99", [*latencies(1000, 9), requests(1000)], []),
        ("cold_starts", [counted(LOADS, 25, model="digits"), requests(100)], [DIGITS]),
        ("cold_starts", [counted(LOADS, 15, model="digits"), requests(100)], []),
        # Two models are two loads in a cold start.
        ("cold_starts", [counted(LOADS, 35, "flowers"), requests(100, "flowers")], []),
        ("cold_starts", [counted(LOADS, 45, "flowers"), requests(100, "flowers")], [FLOWERS]),
        ("instances", [active(17, 360)], [DIGITS]),
        ("instances", [active(16, 360)], []),
        ("instances", [active(9, 360), active(9, 360, "flowers")], [FLOWERS]),
        ("instances", [active(2, 360), idle(18)], []),
        (
            "load_failures",
            [counted(FAILURES, 1, model="digits", code="registry_denied")],
            [{**DIGITS, "model": "digits", "code": "registry_denied"}],
        ),
        ("load_failures", [counted(FAILURES, 1, model="digits", code="golden_mismatch")], []),
        ("load_failures", [counted(FAILURES, 0, model="digits", code="internal")], []),
        # Nobody ever asked, somebody asks, and both.
        ("no_traffic", [], [DIGITS, FLOWERS]),
        ("no_traffic", [requests(1)], [FLOWERS]),
        ("no_traffic", [requests(1), requests(1, "flowers")], []),
        ("no_traffic", [requests(0), requests(1, "flowers")], [DIGITS]),
        ("uptime", checks("digits-ready-0a1b2c3d", [0, 0, 1, 1, 1, 1]), [DIGITS, FLOWERS]),
        ("uptime", checks("digits-ready-0a1b2c3d", [0, 1, 1, 1, 1, 1]), []),
        ("uptime", checks("another", [0, 0, 0]), []),
        ("availability_fast_burn", [requests(92), requests(8, code="5xx")], [DIGITS]),
        ("availability_fast_burn", [requests(93), requests(7, code="5xx")], []),
        ("availability_slow_burn", [requests(96), requests(4, code="5xx")], [DIGITS]),
        ("availability_slow_burn", [requests(98), requests(2, code="5xx")], []),
        # Eighteen requests an hour, and in five hours.
        ("availability_fast_burn", [requests(0.3, code="5xx")], []),
        ("availability_slow_burn", [requests(0.06, code="5xx")], []),
        ("latency_fast_burn", [*latencies(0.3, 0.3), requests(0.3)], []),
        ("latency_slow_burn", [*latencies(0.06, 0.06), requests(0.06)], []),
        ("latency_fast_burn", [*latencies(100, 73), requests(100)], [DIGITS]),
        ("latency_fast_burn", [*latencies(100, 71), requests(100)], []),
        ("latency_slow_burn", [*latencies(100, 31), requests(100)], [DIGITS]),
        ("latency_slow_burn", [*latencies(100, 29), requests(100)], []),
    ],
)
def test_an_alert_fires_for_what_it_is_about_and_for_nothing_else(
    tmp_path: Path,
    conditions: Mapping[str, Mapping[str, Any]],
    alert: str,
    series: list[Series],
    expected: list[dict[str, str]],
) -> None:
    assert_fires(tmp_path, conditions[alert], series, "300m", expected)


ERRORS_FOR_TEN_MINUTES = Series(
    REQUESTS, of("digits", response_code_class="5xx"), "0+50x10 500x350"
)


@pytest.mark.parametrize(("at", "expected"), [("9m", [DIGITS]), ("12m", [DIGITS]), ("16m", [])])
def test_a_fast_burn_ends_soon_after_the_trouble(
    tmp_path: Path,
    conditions: Mapping[str, Mapping[str, Any]],
    at: str,
    expected: list[dict[str, str]],
) -> None:
    series = [ERRORS_FOR_TEN_MINUTES, requests(100)]
    assert_fires(tmp_path, conditions["availability_fast_burn"], series, at, expected)


@pytest.mark.parametrize(("at", "expected"), [("4m", []), ("7m", [DIGITS])])
def test_instances_must_be_busy_for_a_while(
    tmp_path: Path,
    conditions: Mapping[str, Mapping[str, Any]],
    at: str,
    expected: list[dict[str, str]],
) -> None:
    assert_fires(tmp_path, conditions["instances"], [active(20, 60)], at, expected)


def test_every_alert_has_a_case(conditions: Mapping[str, Mapping[str, Any]]) -> None:
    (mark,) = [
        mark
        for mark in test_an_alert_fires_for_what_it_is_about_and_for_nothing_else.pytestmark
        if mark.name == "parametrize"
    ]
    shown = {alert for alert, _, expected in mark.args[1] if expected}
    assert shown == {alert for alert, _, expected in mark.args[1] if not expected}
    assert shown == conditions.keys()


def test_a_burn_rate_is_that_of_the_objective(
    infra: Path, conditions: Mapping[str, Mapping[str, Any]]
) -> None:
    """Alerts ask for themselves what the objectives say, and must not say another thing."""
    resources = monitored(infra)
    for objective in resources["google_monitoring_slo"]:
        (sli,) = objective["request_based_sli"]
        name = objective["slo_id"]
        for speed, rate in (("fast_burn", 14.4), ("slow_burn", 6)):
            query = conditions[f"{name}_{speed}"]["query"]
            allowed = rate * (1 - objective["goal"])
            if name == "availability":
                bounds = [float(bound) for bound in re.findall(r"\n  > (\S+)", query)]
                assert bounds == pytest.approx([allowed, allowed])
            else:
                ((cut,),) = [cut["range"] for cut in sli["distribution_cut"]]
                found = re.findall(r"histogram_quantile\((\S+), .*> (\S+)", query)
                assert [float(ms) for _, ms in found] == [cut["max"]] * 2
                assert [float(q) for q, _ in found] == pytest.approx([1 - allowed] * 2)


def test_metrics_are_those_that_there_are(
    infra: Path, conditions: Mapping[str, Mapping[str, Any]]
) -> None:
    made = {metric["name"] for metric in monitored(infra)["google_logging_metric"]}
    ours = {f"logging_googleapis_com:user_{name}" for name in made}
    referred = {name for one in conditions.values() for name in REFERENCE.findall(one["query"])}
    assert referred <= ours | {REQUESTS, LATENCIES, INSTANCES, CHECKS}


def test_policies_are_made_after_the_metrics_of_logs(infra: Path, tmp_path: Path) -> None:
    # Of the module alone, because the root module's backend would have to be there.
    folder = shutil.copytree(infra / "modules" / "monitoring", tmp_path / "monitoring")
    assert_done(terraform("init", "-input=false", folder=folder))
    graph = assert_done(terraform("graph", folder=folder))
    edge = '"google_monitoring_alert_policy.metric" -> "google_logging_metric.lines"'
    assert edge in graph


@pytest.mark.parametrize("alerts", ["essential", "all"])
def test_policies_refer_to_as_many_metrics_as_the_costs_say(
    infra: Path, alerts: cost.AlertSet
) -> None:
    resources = applied(
        infra,
        project_id="example-project",
        environment="staging",
        bundle="main.tf",
        models={f"flowers-{number}": {"models": ["iris"]} for number in range(3)},
        monitoring={"alerts": alerts},
    )
    policies = [r["values"] for r in resources if r["type"] == "google_monitoring_alert_policy"]
    assert (
        len(REFERENCE.findall(json.dumps([p["conditions"] for p in policies])))
        == (cost.METRIC_REFERENCES[alerts])
    )


def test_two_functions_need_no_more_conditions_than_one(
    conditions: Mapping[str, Mapping[str, Any]],
) -> None:
    """Each of them had eleven policies and 22 conditions of its own."""
    assert len(FUNCTIONS) == 2
    assert len(conditions) == 12
