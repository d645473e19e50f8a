"""The dashboard's JSON, as Terraform would send it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

from tests.support.infra.monitored import FUNCTIONS, monitored

COLUMNS = 48
CHARTS = [
    "Requests by class, 1/s",
    "Latency p50, p95, p99, ms",
    "Instances",
    "Errors by code",
    "Loads, failures and refusals",
    "Confidence",
]
PLATFORM = {
    "run.googleapis.com/request_count",
    "run.googleapis.com/request_latencies",
    "run.googleapis.com/container/instance_count",
}


@pytest.fixture(scope="module")
def planned(infra: Path) -> Mapping[str, tuple[Mapping[str, Any], ...]]:
    return monitored(infra)


@pytest.fixture(scope="module")
def tiles(planned: Mapping[str, tuple[Mapping[str, Any], ...]]) -> Sequence[Mapping[str, Any]]:
    (dashboard,) = planned["google_monitoring_dashboard"]
    document = json.loads(dashboard["dashboard_json"])
    assert document["displayName"] == "Predictions (staging)"
    assert document["mosaicLayout"]["columns"] == COLUMNS
    found: Sequence[Mapping[str, Any]] = document["mosaicLayout"]["tiles"]
    return found


def rows(tiles: Sequence[Mapping[str, Any]]) -> dict[str, list[Mapping[str, Any]]]:
    """The charts under each header, from left to right."""
    found: dict[str, list[Mapping[str, Any]]] = {}
    for tile in sorted(tiles, key=lambda tile: (tile["yPos"], tile["xPos"])):
        if "sectionHeader" in tile["widget"]:
            charts = found.setdefault(tile["widget"]["title"], [])
        else:
            charts.append(tile)
    return found


def queries(tile: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [
        data["timeSeriesQuery"]["timeSeriesFilter"]
        for data in tile["widget"]["xyChart"]["dataSets"]
    ]


def test_each_function_has_a_row_with_the_same_charts(tiles: Sequence[Mapping[str, Any]]) -> None:
    found = rows(tiles)
    assert list(found) == sorted(FUNCTIONS)
    for name, charts in found.items():
        titles = [tile["widget"]["title"] for tile in charts]
        most = FUNCTIONS[name]["max_instances"]
        assert [title.replace(f", of {most}", "") for title in titles] == CHARTS
        assert len({tile["yPos"] for tile in charts}) == 1, "one row"


def test_tiles_fill_the_width_and_do_not_overlap(tiles: Sequence[Mapping[str, Any]]) -> None:
    for one, other in combinations(tiles, 2):
        is_beside = (
            one["xPos"] + one["width"] <= other["xPos"]
            or other["xPos"] + other["width"] <= one["xPos"]
            or one["yPos"] + one["height"] <= other["yPos"]
            or other["yPos"] + other["height"] <= one["yPos"]
        )
        assert is_beside, (one["widget"]["title"], other["widget"]["title"])
    for tile in tiles:
        assert all(isinstance(tile[key], int) for key in ("xPos", "yPos", "width", "height"))
        assert 0 <= tile["xPos"] <= tile["xPos"] + tile["width"] <= COLUMNS
    bottom = max(tile["yPos"] + tile["height"] for tile in tiles)
    assert sum(tile["width"] * tile["height"] for tile in tiles) == COLUMNS * bottom, "no holes"


def test_every_tile_has_a_title(tiles: Sequence[Mapping[str, Any]]) -> None:
    assert all(tile["widget"]["title"] for tile in tiles)


def test_charts_show_metrics_that_there_are_of_their_own_function(
    tiles: Sequence[Mapping[str, Any]],
    planned: Mapping[str, tuple[Mapping[str, Any], ...]],
) -> None:
    ours = {
        f"logging.googleapis.com/user/{metric['name']}": metric
        for metric in planned["google_logging_metric"]
    }
    shown = set()
    for name, charts in rows(tiles).items():
        for query in (query for tile in charts for query in queries(tile)):
            (kind,) = re.findall(r'metric\.type="([^"]+)"', query["filter"])
            shown.add(kind)
            assert f'resource.labels.service_name="{name}"' in query["filter"]
            assert 'resource.labels.location="europe-west1"' in query["filter"]
            by = {
                field.removeprefix("metric.labels.")
                for field in query["aggregation"]["groupByFields"]
            }
            if kind in ours:
                assert by <= ours[kind]["label_extractors"].keys()
    assert shown == PLATFORM | ours.keys(), "each log-based metric is seen somewhere"


def test_only_distributions_are_a_heatmap_and_only_they_have_percentiles(
    tiles: Sequence[Mapping[str, Any]],
) -> None:
    for tile in (tile for charts in rows(tiles).values() for tile in charts):
        for data in tile["widget"]["xyChart"]["dataSets"]:
            text = json.dumps(data)
            is_distribution = "_confidence" in text or "request_latencies" in text
            is_shown_as_one = data["plotType"] == "HEATMAP" or "REDUCE_PERCENTILE_" in text
            assert is_distribution == is_shown_as_one, tile["widget"]["title"]


def test_limits_are_drawn_where_alerts_fire(tiles: Sequence[Mapping[str, Any]]) -> None:
    for name, charts in rows(tiles).items():
        drawn = {
            line["label"]: line["value"]
            for tile in charts
            for line in tile["widget"]["xyChart"]["thresholds"]
        }
        assert drawn == {
            "alert at p95": 500,
            "alert at p99": 2000,
            "max_instances": FUNCTIONS[name]["max_instances"],
        }
