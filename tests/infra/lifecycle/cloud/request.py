"""One request to an API of Google's."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

_VERB = re.compile(r"(?P<path>.*[^/]):(?P<verb>[a-z][A-Za-z]+)")


@dataclass(frozen=True)
class Request:
    """A request, read.

    Attributes:
        method: of HTTP.
        path: API, version and name, such as `storage/v1/b/models`; a slash in the name of an
            object is %2F.
        verb: what follows the last colon, such as `setIamPolicy`; empty for the methods of REST.
        query: the last value of each parameter.
        body: the JSON document; empty for none.
        content: the bytes, where they are no JSON.
        content_type: of these bytes.
    """

    method: str
    path: str
    verb: str = ""
    query: Mapping[str, str] = field(default_factory=dict)
    body: Mapping[str, Any] = field(default_factory=dict)
    content: bytes = b""
    content_type: str = ""

    @property
    def project(self) -> str | None:
        """The project that the path or the query names, by its id."""
        found = re.search(r"/projects/([^/:]+)", self.path)
        return found[1] if found else self.query.get("project")


def split_target(target: str) -> tuple[str, str, dict[str, str]]:
    """The path, the verb and the query of a request's target."""
    parts = urlsplit(target)
    path = "/".join(unquote(s).replace("/", "%2F") for s in parts.path.strip("/").split("/"))
    found = _VERB.fullmatch(path)
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    return (found["path"], found["verb"], query) if found else (path, "", query)
