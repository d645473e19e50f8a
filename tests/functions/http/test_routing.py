"""Which request means what."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.examples.strategies import names, version_ids
from tflite_serving.errors import MethodNotAllowed, NotFound
from tflite_serving.http.routing import Match, Route
from tflite_serving.service.handlers.handler import Handler
from tflite_serving.service.routes import ROUTER

EXAMPLES = {"name": "iris", "version": "20260131T235959Z-0123abcd", "alias": "production"}


def by_template(route: Route[Handler]) -> str:
    return f"{route.method} {route.template}"


def fields(route: Route[Handler]) -> dict[str, str]:
    return {field: EXAMPLES[field] for field in re.findall(r"\{(\w+)\}", route.template)}


@pytest.mark.parametrize("route", ROUTER.routes, ids=by_template)
def test_every_route_matches_an_example_of_itself(route: Route[Handler]) -> None:
    found = fields(route)
    assert ROUTER.match(route.method, route.template.format(**found)) == Match(
        route.handler, **found
    )


@pytest.mark.parametrize("route", ROUTER.routes, ids=by_template)
def test_another_method_is_told_which_ones_there_are(route: Route[Handler]) -> None:
    path = route.template.format(**fields(route))
    with pytest.raises(MethodNotAllowed) as caught:
        ROUTER.match("DELETE", path)
    assert caught.value.message == f"{path}: expected {route.method}, got DELETE"
    assert caught.value.headers == {"Allow": route.method}
    assert caught.value.status == 405


@pytest.mark.parametrize("route", [r for r in ROUTER.routes if r.method == "GET"], ids=by_template)
def test_head_is_answered_like_get(route: Route[Handler]) -> None:
    path = route.template.format(**fields(route))
    assert ROUTER.match("HEAD", path) == ROUTER.match("GET", path)


def test_a_refused_head_is_called_head() -> None:
    with pytest.raises(MethodNotAllowed, match=r"^/predict: expected POST, got HEAD$"):
        ROUTER.match("HEAD", "/predict")


def test_no_two_routes_are_the_same() -> None:
    assert len({by_template(route) for route in ROUTER.routes}) == len(ROUTER.routes)


@pytest.mark.parametrize(
    "path",
    [
        "",
        "//",
        "/predict/",
        "/Predict",
        "/v1/models/",
        "/v1/models/:predict",
        "/v1/models/a/b:predict",
        "/v1/models/iris:predict:predict",
        "/v1/models/iris/versions/:predict",
        "/v1/models/iris/versions/1/labels/x:predict",
        "/predict\n",
        "/healthz",
    ],
)
def test_what_is_no_route_is_not_found(path: str) -> None:
    with pytest.raises(NotFound) as caught:
        ROUTER.match("POST", path)
    assert caught.value.message == f"{path}: no such route; GET / lists them"
    assert caught.value.code == "unknown_route"


def test_a_long_path_is_not_repeated_whole() -> None:
    with pytest.raises(NotFound) as caught:
        ROUTER.match("GET", "/" + "x" * 100_000)
    assert len(caught.value.message) < 300


@given(names, names, version_ids)
def test_every_name_can_be_reached(name: str, alias: str, version: str) -> None:
    simple = ROUTER.match("POST", "/predict").handler
    assert ROUTER.match("POST", f"/models/{name}/predict") == Match(simple, name)
    predict = ROUTER.match("POST", "/v1/models/iris:predict").handler
    assert predict is not simple
    assert ROUTER.match("POST", f"/v1/models/{name}:predict") == Match(predict, name)
    assert ROUTER.match("POST", f"/v1/models/{name}/labels/{alias}:predict") == Match(
        predict, name, alias=alias
    )
    assert ROUTER.match("POST", f"/v1/models/{name}/versions/{version}:predict") == Match(
        predict, name, version=version
    )


SEGMENTS = ["v1", "v2", "models", "iris", "versions", "labels", "metadata", "a:predict", "predict"]
PATHS = st.text(max_size=30) | st.lists(st.sampled_from(SEGMENTS), max_size=6).map(
    lambda parts: "/" + "/".join(parts)
)


@given(st.sampled_from(["GET", "HEAD", "POST", "PUT", "OPTIONS"]) | st.text(max_size=5), PATHS)
def test_any_path_is_a_route_or_refused(method: str, path: str) -> None:
    try:
        found = ROUTER.match(method, path)
    except (NotFound, MethodNotAllowed):
        return
    for part in (found.name, found.version, found.alias):
        assert part is None or (part and part in path and "/" not in part and ":" not in part)
