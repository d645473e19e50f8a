"""What an API adds to a resource that it makes: numbers, addresses, times, defaults."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tests.infra.lifecycle.cloud.kinds import Kind

NUMBER = "123456789012"  # of the project
NOW = "2026-01-02T03:04:05.678Z"

Resource = dict[str, Any]


def completed(kind: Kind, path: str, resource: Mapping[str, Any], base: str) -> Resource:
    """A resource as its API answers it.

    Args:
        kind: of the resource.
        path: of the resource, with API and version.
        resource: as it was sent.
        base: URL of the server, without a slash at the end.
    """
    api, version, *rest = path.split("/")
    name = rest[-1] if kind.is_named_by_id else "/".join(rest)
    name = resource["name"] if kind.has_own_name else name.replace("%2F", "/")
    whole = {**resource, "name": name}
    url = f"{base}/{api}/{version}/{'/'.join(rest)}"
    add = _ATTRIBUTES.get(f"{api}/{kind.collection}") or _ATTRIBUTES.get(api)
    if add is None:
        return whole
    added = add(_Place(path, url), whole)
    return {**added, **whole, **{key: added[key] for key in added.keys() & _ALWAYS}}


# What the server says, whatever was sent.
_ALWAYS = {
    "buildConfig",
    "etag",
    "fingerprint",
    "labelFingerprint",
    "location",
    "serviceConfig",
    "state",
    "url",
}


@dataclass(frozen=True)
class _Place:
    path: str
    url: str

    @property
    def project(self) -> str:
        return self.path.split("/")[3]

    @property
    def region(self) -> str:
        return self.path.split("/")[5]

    @property
    def name(self) -> str:
        return self.path.split("/")[-1]


def number_of(path: str) -> str:
    """A number of 21 digits that is the same for the same path."""
    return str(10**20 + int(hashlib.sha256(path.encode()).hexdigest()[:16], 16))


def _etag(resource: Mapping[str, Any]) -> str:
    kept = {key: value for key, value in resource.items() if key not in _ALWAYS}
    return hashlib.sha256(repr(sorted(kept.items())).encode()).hexdigest()[:12]


def _bucket(at: _Place, bucket: Resource) -> Resource:
    return {
        "kind": "storage#bucket",
        "id": bucket["name"],
        "selfLink": at.url,
        "projectNumber": NUMBER,
        "metageneration": "1",
        "etag": _etag(bucket),
        "timeCreated": NOW,
        "updated": NOW,
        "location": bucket.get("location", "US").upper(),
        "locationType": "region",
        "storageClass": "STANDARD",
    }


def _function(at: _Place, function: Resource) -> Resource:
    region, project, name = at.region, at.project, at.name
    uri = f"https://{name}-{number_of(at.path)[-10:]}-{region}.a.run.app"
    config = function.get("serviceConfig", {})
    return {
        "environment": "GEN_2",
        "state": "ACTIVE",
        "updateTime": NOW,
        "createTime": NOW,
        "url": f"https://{region}-{project}.cloudfunctions.net/{name}",
        "buildConfig": _build(at, function.get("buildConfig", {})),
        "serviceConfig": {
            "availableMemory": "256M",
            "availableCpu": "0.1666",
            "maxInstanceRequestConcurrency": 1,
            "timeoutSeconds": 60,
            "ingressSettings": "ALLOW_ALL",
            **config,
            "uri": uri,
            "service": f"projects/{project}/locations/{region}/services/{name}",
            "revision": f"{name}-00001-abc",
        },
    }


def _build(at: _Place, build: Mapping[str, Any]) -> Resource:
    """Cloud Functions builds from a copy of the zip, and calls that copy the source."""
    given = build.get("source", {}).get("storageSource", {})
    copy = {"bucket": f"gcf-v2-sources-{NUMBER}-{at.region}", "object": f"{at.name}/source.zip"}
    is_copy = given.get("bucket") == copy["bucket"]
    provenance = {"resolvedStorageSource": given}
    return {
        **build,
        "source": {"storageSource": {**copy, "generation": "1"}},
        "sourceProvenance": build["sourceProvenance"] if is_copy else provenance,
    }


def _service(at: _Place, service: Resource) -> Resource:
    name = at.name
    uri = f"https://{name}-{number_of(at.path)[-10:]}-{at.region}.a.run.app"
    return {
        "uid": number_of(at.path),
        "generation": "1",
        "observedGeneration": "1",
        "createTime": NOW,
        "updateTime": NOW,
        "etag": _etag(service),
        "uri": uri,
        "urls": [uri],
        "launchStage": "GA",
        "latestReadyRevision": f"{name}-00001-abc",
        "latestCreatedRevision": f"{name}-00001-abc",
        "terminalCondition": {"type": "Ready", "state": "CONDITION_SUCCEEDED"},
        "ingress": "INGRESS_TRAFFIC_ALL",
    }


def _account(at: _Place, account: Resource) -> Resource:
    return {
        "email": at.name,
        "projectId": at.project,
        "uniqueId": number_of(at.path),
        "oauth2ClientId": number_of(at.path),
        "etag": _etag(account),
    }


def _compute(at: _Place, resource: Resource) -> Resource:
    added = {
        "id": number_of(at.path)[:19],
        "selfLink": at.url,
        "creationTimestamp": NOW,
        "fingerprint": _etag(resource),
        "labelFingerprint": _etag(resource.get("labels", {})),
    }
    if "/regions/" in at.path:
        added["region"] = at.url.split("/networkEndpointGroups/", maxsplit=1)[0]
    return added


def _address(at: _Place, address: Resource) -> Resource:
    return {
        **_compute(at, address),
        "address": "203.0.113.10",
        "status": "RESERVED",
        "addressType": "EXTERNAL",
        "ipVersion": "IPV4",
    }


_ATTRIBUTES: Mapping[str, Callable[[_Place, Resource], Resource]] = {
    "storage/b": _bucket,
    "cloudfunctions/functions": _function,
    "run/services": _service,
    "iam/serviceAccounts": _account,
    "iam": lambda _, resource: {"etag": _etag(resource), "state": "ACTIVE"},
    "compute/addresses": _address,
    "compute": _compute,
    "logging": lambda _, __: {"createTime": NOW, "updateTime": NOW},
    "serviceusage": lambda _, __: {"state": "ENABLED"},
    "cloudbuild": lambda at, _: {"id": at.name, "createTime": NOW},
    "billingbudgets": lambda _, resource: {"etag": _etag(resource)},
}
