"""The function's routes: which request means what."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import IntEnum, auto
from functools import cache, lru_cache

from tflite_serving.errors import MethodNotAllowed, NotFound

_NAME = r"[^/:]+"


class Action(IntEnum):
    """What a route does."""

    INDEX = auto()
    LIVE = auto()
    READY = auto()
    PREDICT_SIMPLE = auto()
    PREDICT_TENSORFLOW_SERVING = auto()
    STATUS = auto()
    METADATA = auto()


@dataclass(frozen=True, slots=True)
class Route:
    """One route: its template, as documentation shows it, and its method."""

    method: str
    template: str
    action: Action


@dataclass(frozen=True, slots=True)
class Match:
    """A route that fits a request, and the model that its path names."""

    action: Action
    name: str | None = None
    version: str | None = None
    alias: str | None = None


_SIMPLE = "/models/{name}"
_V1 = "/v1/models/{name}"
ROUTES = (
    Route("GET", "/", Action.INDEX),
    Route("GET", "/v2/health/live", Action.LIVE),
    Route("GET", "/v2/health/ready", Action.READY),
    Route("POST", "/predict", Action.PREDICT_SIMPLE),
    Route("POST", _SIMPLE + "/predict", Action.PREDICT_SIMPLE),
    Route("POST", _SIMPLE + "/versions/{version}/predict", Action.PREDICT_SIMPLE),
    Route("POST", _SIMPLE + "/labels/{alias}/predict", Action.PREDICT_SIMPLE),
    Route("POST", f"{_V1}:predict", Action.PREDICT_TENSORFLOW_SERVING),
    Route("POST", f"{_V1}/versions/{{version}}:predict", Action.PREDICT_TENSORFLOW_SERVING),
    Route("POST", f"{_V1}/labels/{{alias}}:predict", Action.PREDICT_TENSORFLOW_SERVING),
    Route("GET", _V1, Action.STATUS),
    Route("GET", f"{_V1}/versions/{{version}}", Action.STATUS),
    Route("GET", f"{_V1}/labels/{{alias}}", Action.STATUS),
    Route("GET", f"{_V1}/metadata", Action.METADATA),
    Route("GET", f"{_V1}/versions/{{version}}/metadata", Action.METADATA),
    Route("GET", f"{_V1}/labels/{{alias}}/metadata", Action.METADATA),
)


_LONGEST_REMEMBERED = 256


def match(method: str, path: str) -> Match:
    """The route of a request.

    Args:
        method: in upper case; HEAD is answered like GET.
        path: percent-decoded.

    Raises:
        NotFound: no route has this path.
        MethodNotAllowed: a route has, but not with this method.
    """
    if len(path) <= _LONGEST_REMEMBERED:
        return _remembered(method, path)
    return _match(method, path)


def _match(method: str, path: str) -> Match:
    wanted = "GET" if method == "HEAD" else method
    plain = _PLAIN.get((wanted, path))
    if plain is not None:
        return plain
    found = [
        (route, hit)
        for route, pattern in _patterns()
        if (hit := pattern.fullmatch(path)) is not None
    ]
    for route, hit in found:
        if route.method == wanted:
            return Match(route.action, **hit.groupdict())
    if found:
        raise MethodNotAllowed(method, path, tuple(route.method for route, _ in found))
    raise NotFound("unknown_route", f"{path[:200]}: no such route; GET / lists them")


# Clients ask for the same few paths again and again. What is wrong is not remembered.
_remembered = lru_cache(maxsize=256)(_match)


def _compile(template: str) -> re.Pattern[str]:
    parts = re.split(r"\{(\w+)\}", template)
    literals, names = parts[::2], parts[1::2]
    pattern = re.escape(literals[0])
    for name, literal in zip(names, literals[1:], strict=True):
        pattern += f"(?P<{name}>{_NAME}){re.escape(literal)}"
    return re.compile(pattern)


@cache
def _patterns() -> list[tuple[Route, re.Pattern[str]]]:
    # Compiled when they are needed: most instances are asked for nothing but /predict.
    return [(route, _compile(route.template)) for route in ROUTES]


_PLAIN = {
    (route.method, route.template): Match(route.action)
    for route in ROUTES
    if "{" not in route.template
}
