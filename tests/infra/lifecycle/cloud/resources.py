"""What there is: documents by path, and which of them use which."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from tests.infra.lifecycle.cloud.errors import CloudError, not_found
from tests.infra.lifecycle.cloud.kinds import Kind

Resource = dict[str, Any]

_COMPUTE = re.compile(
    r"(?:https?://.*/compute/v1/)?(projects/[^/]+/(?:global|regions/[^/]+)/.+/.+)"
)
_LOG_METRIC = re.compile(r'metric\.type="logging\.googleapis\.com/user/([^"]+)"')


class Resources:
    """All resources of all projects."""

    def __init__(self) -> None:
        self._at: dict[str, Resource] = {}

    def __contains__(self, path: str) -> bool:
        return path in self._at

    def __iter__(self) -> Iterator[str]:
        return iter(tuple(self._at))

    def get(self, path: str) -> Resource:
        """The resource at a path.

        Raises:
            CloudError: 404, there is none.
        """
        try:
            return self._at[path]
        except KeyError:
            raise not_found(path) from None

    def put(self, path: str, resource: Resource) -> None:
        """Makes or replaces the resource at a path.

        Raises:
            CloudError: 404, it refers to one that is not there.
        """
        for one in sorted(_used(path, resource)):
            if one not in self._at:
                raise not_found(one)
        self._at[path] = resource

    def remove(self, path: str) -> None:
        """Removes the resource at a path, and all below it.

        Raises:
            CloudError: 404, there is none; 400, another one uses it; 409, a bucket is not empty.
        """
        self.get(path)
        below = [one for one in self._at if one.startswith(f"{path}/")]
        if below and path.startswith("storage/"):
            raise CloudError(409, "The bucket you tried to delete is not empty.", "conflict")
        for one, resource in self._at.items():
            if path in _used(one, resource):
                message = f"{path} is already being used by {one}"
                raise CloudError(400, message, "resourceInUseByAnotherResource")
        for one in [path, *below]:
            del self._at[one]

    def of(self, kind: Kind, collection: str = "") -> list[str]:
        """The paths of a kind's resources, within one collection if it is given."""
        return [one for one in self._at if kind.has(one) and one.startswith(collection)]


def _used(path: str, resource: Mapping[str, Any]) -> set[str]:
    """The paths of what a resource refers to, where an API looks after that."""
    texts = set(_texts(resource))
    if path.startswith("compute/"):
        found = (_COMPUTE.fullmatch(text) for text in texts)
        return {f"compute/v1/{one[1]}" for one in found if one} - {path}
    if "/alertPolicies/" in path:
        project = path.split("/")[3]
        metrics = {name for text in texts for name in _LOG_METRIC.findall(text)}
        channels = {
            text for text in texts if re.fullmatch("projects/.+/notificationChannels/.+", text)
        }
        return {f"logging/v2/projects/{project}/metrics/{name}" for name in metrics} | {
            f"monitoring/v3/{channel}" for channel in channels
        }
    return set()


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for key, one in value.items():
            if key not in {"selfLink", "region"}:
                yield from _texts(one)
    elif isinstance(value, list):
        for one in value:
            yield from _texts(one)
