"""How the methods that change a resource change its document."""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping
from typing import Any

from tests.infra.lifecycle.cloud.errors import CloudError
from tests.infra.lifecycle.cloud.kinds import Kind
from tests.infra.lifecycle.cloud.request import Request

# What a change may name, to be refused if somebody else was quicker.
_VERSIONS = {"etag": 409, "fingerprint": 412, "labelFingerprint": 412}


def changed(kind: Kind, resource: Mapping[str, Any], request: Request) -> dict[str, Any]:
    """A resource after a PATCH, a PUT, or one of Compute Engine's `set…`.

    Raises:
        CloudError: the etag or fingerprint in the body is that of an older resource.
    """
    body = dict(request.body.get(kind.wrapped, request.body)) if kind.wrapped else request.body
    for key, status in _VERSIONS.items():
        if body.get(key) and key in resource and body[key] != resource[key]:
            raise CloudError(status, f"{request.path}: {key} is not that of the current one.")
    if kind.merges and request.method != "PUT":
        return merged(resource, body)
    mask = request.query.get("updateMask") or request.body.get("updateMask")
    return _masked(resource, body, mask) if mask else dict(body)


def merged(resource: Mapping[str, Any], patch: Mapping[str, Any]) -> dict[str, Any]:
    """A document after a JSON merge patch (RFC 7396), in which null deletes."""
    result = dict(resource)
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        elif isinstance(value, Mapping):
            former = result.get(key)
            result[key] = merged(former if isinstance(former, Mapping) else {}, value)
        else:
            result[key] = value
    return result


def _masked(resource: Mapping[str, Any], body: Mapping[str, Any], mask: str) -> dict[str, Any]:
    result = copy.deepcopy(dict(resource))
    for field in mask.split(","):
        *parents, last = [_camel(part) for part in field.strip().split(".")]
        source: Any = body
        target: Any = result
        for parent in parents:
            source = source.get(parent, {})
            target = target.setdefault(parent, {})
        if last in source:
            target[last] = source[last]
        else:
            target.pop(last, None)
    return result


def _camel(field: str) -> str:
    return re.sub(r"_([a-z])", lambda found: found[1].upper(), field)
