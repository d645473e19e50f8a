"""Finds the handler of a request by its method and path."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Generic, TypeVar

from tflite_serving.errors import MethodNotAllowed, NotFound

H = TypeVar("H")
_NAME = r"[^/:]+"
_LONGEST_REMEMBERED = 256


@dataclass(frozen=True, slots=True)
class Route(Generic[H]):
    """One route.

    Attributes:
        method: HTTP method, in upper case.
        template: Path with places such as ``{name}``, as documentation shows it.
        handler: Handles the requests of the route.
    """

    method: str
    template: str
    handler: H


@dataclass(frozen=True, slots=True)
class Match(Generic[H]):
    """A route that fits a request.

    Attributes:
        handler: Handler of the route.
        name, version, alias: What the path names of a model; None for what it does not name.
    """

    handler: H
    name: str | None = None
    version: str | None = None
    alias: str | None = None


class Router(Generic[H]):
    """All routes of an application.

    Attributes:
        routes: The routes, in their order.
    """

    def __init__(self, routes: Sequence[Route[H]]) -> None:
        self.routes = tuple(routes)
        self._plain = {
            (route.method, route.template): Match(route.handler)
            for route in self.routes
            if "{" not in route.template
        }
        # Clients send the same few paths again and again. What is wrong is not remembered.
        self._remembered = lru_cache(maxsize=256)(self._match)

    def match(self, method: str, path: str) -> Match[H]:
        """The route of a request.

        Args:
            method: HTTP method, in upper case; HEAD is matched like GET.
            path: Path of the URL, percent-decoded.

        Raises:
            NotFound: no route has this path.
            MethodNotAllowed: a route has, but not with this method.
        """
        if len(path) <= _LONGEST_REMEMBERED:
            return self._remembered(method, path)
        return self._match(method, path)

    def _match(self, method: str, path: str) -> Match[H]:
        wanted = "GET" if method == "HEAD" else method
        plain = self._plain.get((wanted, path))
        if plain is not None:
            return plain
        found = [
            (route, hit)
            for route, pattern in self._patterns
            if (hit := pattern.fullmatch(path)) is not None
        ]
        for route, hit in found:
            if route.method == wanted:
                return Match(route.handler, **hit.groupdict())
        if found:
            raise MethodNotAllowed(method, path, tuple(route.method for route, _ in found))
        raise NotFound("unknown_route", f"{path[:200]}: no such route; GET / lists them")

    @cached_property
    def _patterns(self) -> list[tuple[Route[H], re.Pattern[str]]]:
        # Compiled at the first need: most instances are sent nothing but /predict.
        return [(route, _compile(route.template)) for route in self.routes]


def _compile(template: str) -> re.Pattern[str]:
    parts = re.split(r"\{(\w+)\}", template)
    literals, names = parts[::2], parts[1::2]
    pattern = re.escape(literals[0])
    for name, literal in zip(names, literals[1:], strict=True):
        pattern += f"(?P<{name}>{_NAME}){re.escape(literal)}"
    return re.compile(pattern)
