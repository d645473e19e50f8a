"""The log-based metrics against lines that the function really writes."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from tests.support.infra.cloud_logging import Filter, extract, log_entry
from tests.support.infra.monitored import monitored
from tests.support.models.tiny import WEIGHTS, examples, scores
from tests.support.server.held_registry import REFRESH, World, settle
from tflite_serving import errors
from tflite_serving.contract import layout
from tflite_serving.contract.alias import AliasDocument, Share, write_alias
from tflite_serving.errors import AccessDenied, ArtifactRefused, StoreError, StoreUnreachable
from tflite_serving.http.messages import RequestHead, Response
from tflite_serving.service.service import Service

SERVICE = "flowers"
BODY = json.dumps({"instances": examples(2).inputs["features"].tolist()}).encode()
Counted = Mapping[str, list[dict[str, Any]]]


@dataclass(frozen=True)
class Metric:
    """A log-based metric, or the condition of an alert that matches lines."""

    filter: Filter
    labels: Mapping[str, str]
    value: str | None

    def counted(self, entry: Mapping[str, Any]) -> dict[str, Any] | None:
        """The labels that an entry is counted under; None if it is not counted."""
        if not self.filter.accepts(entry):
            return None
        return {label: extract(entry, extractor) for label, extractor in self.labels.items()}


@pytest.fixture(scope="module")
def planned(infra: Path) -> Mapping[str, tuple[Mapping[str, Any], ...]]:
    return monitored(infra)


@pytest.fixture(scope="module")
def metrics(planned: Mapping[str, tuple[Mapping[str, Any], ...]]) -> Mapping[str, Metric]:
    return {
        metric["index"]: Metric(
            Filter.parse(metric["filter"]),
            metric["label_extractors"],
            metric["value_extractor"] or None,
        )
        for metric in planned["google_logging_metric"]
    }


@pytest.fixture(scope="module")
def refused(planned: Mapping[str, tuple[Mapping[str, Any], ...]]) -> Metric:
    """What the alert for refused artifacts matches."""
    (policy,) = [
        policy
        for policy in planned["google_monitoring_alert_policy"]
        if policy["user_labels"]["alert"] == "refused" and policy["index"] == SERVICE
    ]
    (condition,) = policy["conditions"]
    (match,) = condition["condition_matched_log"]
    return Metric(Filter.parse(match["filter"]), match["label_extractors"], None)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def service(world: World, *models: str) -> Service:
    """A function on the world's registry, by the world's clock."""
    named = models or ("iris",)
    catalog = world.catalog(*named)
    for slot in catalog.entries:
        slot._clock = world.clock
    return Service(world.settings(*named), catalog, world.log)


def ask(function: Service, path: str = "/predict", body: bytes = BODY) -> Response:
    head = RequestHead("POST", path, headers={"content-type": "application/json"})
    with function.open(head) as exchange:
        if exchange.refusal is not None:
            return exchange.refuse(exchange.refusal)
        exchange.admit(len(body))
        return exchange.answer(body)


def entries(world: World) -> list[dict[str, Any]]:
    return [log_entry(line, SERVICE) for line in world.lines.entries]


def counted(world: World, metrics: Mapping[str, Metric]) -> dict[str, list[dict[str, Any]]]:
    """What each metric counts of all that was logged; those that count nothing are left out."""
    found: dict[str, list[dict[str, Any]]] = {}
    for entry in entries(world):
        for name, metric in metrics.items():
            labels = metric.counted(entry)
            if labels is not None:
                found.setdefault(name, []).append(labels)
    return found


def a_good_prediction(world: World) -> None:
    world.publish()
    assert ask(service(world)).status == 200


def three_predictions_of_one_load(world: World) -> None:
    world.publish()
    function = service(world)
    assert [ask(function).status for _ in range(3)] == [200, 200, 200]


def a_regression(world: World) -> None:
    world.publish_changed(
        lambda made: replace(
            made,
            task="regression",
            outputs=(replace(made.outputs[0], labels=None, task="regression"),),
        )
    )
    assert ask(service(world)).status == 200


def a_bad_request(world: World) -> None:
    world.publish()
    assert ask(service(world), body=b"{").status == 400


def an_unknown_model(world: World) -> None:
    assert ask(service(world), "/models/tulip/predict").status == 404


def an_unknown_route(world: World) -> None:
    assert ask(service(world), "/nowhere").status == 404


def a_fault_of_ours(world: World) -> None:
    world.publish()
    function = service(world)
    ask(function)
    world.lines.entries.clear()
    function.catalog = None  # type: ignore[assignment]
    assert ask(function).status == 500


def no_such_alias(world: World) -> None:
    assert ask(service(world)).status == 503


def no_right_to_read(world: World) -> None:
    world.store.failure = AccessDenied("the registry: 403")
    assert ask(service(world)).status == 503


def a_registry_that_is_down(world: World) -> None:
    world.store.failure = StoreUnreachable("the registry: no answer")
    assert ask(service(world)).status == 503


def a_registry_that_answers_nonsense(world: World) -> None:
    world.store.failure = StoreError("the registry: 302")
    assert ask(service(world)).status == 503


def a_bug_while_loading(world: World) -> None:
    world.store.failure = ZeroDivisionError("oops")
    assert ask(service(world)).status == 503


def a_tampered_file(world: World) -> None:
    manifest = world.publish()
    path = layout.file_path("iris", manifest.version, "model.tflite")
    (world.registry.root / path).write_bytes(b"x")
    assert ask(service(world)).status == 503


def a_model_that_does_not_reproduce_the_reference(world: World) -> None:
    world.publish(golden_weights=-WEIGHTS)
    assert ask(service(world)).status == 503


def a_model_that_this_release_cannot_serve(world: World) -> None:
    world.publish_changed(
        lambda made: replace(made, inputs=(replace(made.inputs[0], dtype="string"),))
    )
    assert ask(service(world)).status == 503


def a_bad_release_behind_a_good_one(world: World) -> None:
    world.publish()
    function = service(world)
    assert ask(function).status == 200
    world.publish(golden_weights=-WEIGHTS)
    world.clock.now += REFRESH
    assert ask(function).status == 200
    settle(function.catalog.entries[0])


def an_alias_with_a_canary(world: World) -> None:
    manifest = world.publish()
    document = AliasDocument(
        model="iris",
        alias="production",
        version=manifest.version,
        canary=Share(manifest.version, 10),
    )
    path = world.registry.root / layout.alias_path("iris", "production")
    path.write_text(write_alias(document), encoding="utf-8")
    assert ask(service(world)).status == 503


LOADED = {"loads": [{"model": "iris"}]}
SURE = {"model": "iris"}


def failed(code: str, *, is_refusal: bool = False) -> Counted:
    """The line of the load, and the line of the request that asked for it."""
    load = {"code": code, "model": "iris"}
    return {
        "errors": [{"code": code, "model": None}],
        "load_failures": [load],
        **({"refusals": [load]} if is_refusal else {}),
    }


@pytest.mark.parametrize(
    ("happens", "expected"),
    [
        (a_good_prediction, {**LOADED, "confidence": [SURE]}),
        (three_predictions_of_one_load, {**LOADED, "confidence": [SURE] * 3}),
        (a_regression, LOADED),
        (a_bad_request, {**LOADED, "errors": [{"code": "malformed_json", "model": "iris"}]}),
        (an_unknown_model, {"errors": [{"code": "unknown_model", "model": None}]}),
        (an_unknown_route, {"errors": [{"code": "unknown_route", "model": None}]}),
        (a_fault_of_ours, {"errors": [{"code": "internal", "model": None}]}),
        (no_such_alias, failed("not_in_registry")),
        (no_right_to_read, failed("registry_denied")),
        (a_registry_that_is_down, failed("registry_unreachable")),
        (a_registry_that_answers_nonsense, failed("registry_error")),
        (a_bug_while_loading, failed("internal")),
        (a_tampered_file, failed("integrity_error", is_refusal=True)),
        (
            a_model_that_does_not_reproduce_the_reference,
            failed("golden_mismatch", is_refusal=True),
        ),
        (a_model_that_this_release_cannot_serve, failed("artifact_refused", is_refusal=True)),
        (
            a_bad_release_behind_a_good_one,
            {
                **LOADED,
                "confidence": [SURE] * 2,
                "load_failures": [{"code": "golden_mismatch", "model": "iris"}],
                "refusals": [{"code": "golden_mismatch", "model": "iris"}],
            },
        ),
        (an_alias_with_a_canary, failed("artifact_refused", is_refusal=True)),
    ],
    ids=lambda value: value.__name__ if callable(value) else "",
)
def test_each_metric_counts_what_it_says(
    world: World,
    metrics: Mapping[str, Metric],
    refused: Metric,
    happens: Callable[[World], None],
    expected: Counted,
) -> None:
    happens(world)
    assert counted(world, metrics) == expected
    woken = [entry for entry in entries(world) if refused.filter.accepts(entry)]
    assert len(woken) == len(expected.get("refusals", []))


def test_the_alert_tells_which_version_was_refused(world: World, refused: Metric) -> None:
    manifest = world.publish(golden_weights=-WEIGHTS)
    ask(service(world))
    (told,) = [labels for labels in map(refused.counted, entries(world)) if labels]
    assert told == {"model": "iris", "version": manifest.version, "code": "golden_mismatch"}


def test_the_score_is_the_number_of_the_line_and_has_a_bucket(
    world: World,
    metrics: Mapping[str, Metric],
    planned: Mapping[str, tuple[Mapping[str, Any], ...]],
) -> None:
    world.publish()
    ask(service(world))
    confidence = metrics["confidence"]
    assert confidence.value is not None
    (entry,) = [entry for entry in entries(world) if confidence.filter.accepts(entry)]
    best = scores(examples(2).inputs["features"]).max(axis=1)
    assert extract(entry, confidence.value) == pytest.approx(best.mean(), abs=1e-3)
    (metric,) = [m for m in planned["google_logging_metric"] if m["index"] == "confidence"]
    (linear,) = metric["bucket_options"][0]["linear_buckets"]
    ends = linear["offset"] + linear["num_finite_buckets"] * linear["width"]
    assert linear["offset"] == 0
    assert ends > 1, "a score of exactly 1 would be in the bucket without an end"


@pytest.mark.parametrize(
    "place",
    [
        {"service": "another"},
        {"service": "flowers-2"},
        {"region": "europe-west4"},
        {"project": "another-project"},
        {"log": "stderr"},
    ],
    ids=lambda place: next(iter(place)),
)
def test_lines_from_elsewhere_are_not_counted(
    world: World, metrics: Mapping[str, Metric], refused: Metric, place: dict[str, str]
) -> None:
    a_tampered_file(world)
    world.publish(name="rose")
    ask(service(world, "rose"))
    where = {"service": SERVICE, **place}
    for line in world.lines.entries:
        entry = log_entry(line, **where)
        assert not any(m.filter.accepts(entry) for m in (*metrics.values(), refused))


def test_a_refusal_wakes_people_for_its_own_function_alone(
    world: World, metrics: Mapping[str, Metric], refused: Metric
) -> None:
    a_tampered_file(world)
    others = [log_entry(line, "digits") for line in world.lines.entries]
    assert any(metrics["refusals"].filter.accepts(entry) for entry in others)
    assert not any(refused.filter.accepts(entry) for entry in others)


def codes(kind: type[errors.ArtifactError]) -> set[str]:
    """Of an error and of all that are one."""
    return {kind.code}.union(*(codes(below) for below in kind.__subclasses__()))


def test_each_way_a_load_can_fail_has_its_alert(
    metrics: Mapping[str, Metric], planned: Mapping[str, tuple[Mapping[str, Any], ...]]
) -> None:
    refusals = codes(ArtifactRefused)
    failures = codes(StoreError) | {"internal"}
    everything = {errors.ArtifactError.code} | refusals | failures  # the root is never raised
    assert codes(errors.ArtifactError) | {"internal"} == everything
    (clause,) = [c for c in metrics["refusals"].filter.clauses if c.path == "jsonPayload.code"]
    assert set(clause.value.removeprefix("^(").removesuffix(")$").split("|")) == refusals
    policies = [
        policy
        for policy in planned["google_monitoring_alert_policy"]
        if policy["user_labels"]["alert"] == "load_failures"
    ]
    (policy,) = policies
    query = policy["conditions"][0]["condition_prometheus_query_language"][0]["query"]
    (alternatives,) = re.findall(r'code=~"(.*?)"', query)
    assert set(alternatives.split("|")) == failures
