"""Alerts' queries, evaluated by Prometheus itself on series that are given."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.programs.installed import find_program


@dataclass(frozen=True, slots=True)
class Series:
    """One time series, with a point every minute.

    Attributes:
        name: Name of the metric in PromQL.
        labels: Labels beside it.
        values: Values in promtool's notation: `0+10x60` begins at 0 and adds 10 a minute, 60 times;
            `_x5` is five minutes without a point.
    """

    name: str
    labels: Mapping[str, str]
    values: str

    def text(self) -> str:
        """The series' selector, as promtool reads it."""
        labels = ",".join(f'{key}="{value}"' for key, value in self.labels.items())
        return f"{self.name}{{{labels}}}"


def assert_fires(
    folder: Path,
    condition: Mapping[str, Any],
    series: Sequence[Series],
    at: str,
    expected: Sequence[Mapping[str, str]],
) -> None:
    """Fails unless a condition opens incidents with exactly these labels.

    Args:
        folder: Folder for promtool's files.
        condition: A `condition_prometheus_query_language`, as planned.
        series: All that there is to look at.
        at: Time since the first points, such as `30m`.
        expected: Labels of each incident that is open then.
    """
    rule = {"alert": "it", "expr": condition["query"], "for": condition["duration"]}
    (folder / "rules.yaml").write_text(
        json.dumps({"groups": [{"name": "alerts", "rules": [rule]}]}), encoding="utf-8"
    )
    case = {
        "interval": "1m",
        "input_series": [{"series": one.text(), "values": one.values} for one in series],
        "alert_rule_test": [
            {
                "eval_time": at,
                "alertname": "it",
                "exp_alerts": [{"exp_labels": dict(labels)} for labels in expected],
            }
        ],
    }
    document = {
        "rule_files": ["rules.yaml"],
        "evaluation_interval": condition["evaluation_interval"],
        "tests": [case],
    }
    (folder / "tests.yaml").write_text(json.dumps(document), encoding="utf-8")
    process = subprocess.run(
        [find_program("promtool"), "test", "rules", "tests.yaml"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.returncode == 0, process.stdout + process.stderr
