"""What a bundle was made from, and by which run: SLSA provenance in an in-toto statement.

Formats: https://in-toto.io/Statement/v1 and https://slsa.dev/spec/v1.0/provenance.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from itertools import zip_longest
from typing import Any

from delivery.revision import Revision

STATEMENT = "https://in-toto.io/Statement/v1"
PROVENANCE = "https://slsa.dev/provenance/v1"
BUILD_TYPE = "https://github.com/example/tflite-functions/delivery/bundle.sh@v1"


def builder_id(account: str) -> str:
    """The URI that a builder is known by.

    Args:
        account: Email of the service account that a pipeline runs as.
    """
    return f"https://iam.googleapis.com/projects/-/serviceAccounts/{account}"


class ProvenanceError(Exception):
    """A statement is about something else than what would be deployed."""


def statement(
    revision: Revision, repository: str, builder: str, run: str, materials: Mapping[str, bytes]
) -> dict[str, Any]:
    """The statement about a bundle.

    Args:
        revision: The commit, and the bundle's digest.
        repository: URL of the Git repository; credentials in it are left out.
        builder: Who built it; see `builder_id`.
        run: Name of the run.
        materials: What went into it or describes it, by name: the lock, the bill of materials.
    """
    source = {
        "uri": f"git+{_public(repository)}",
        "digest": {"gitCommit": revision.commit},
        "annotations": {"committedAt": revision.committed_at},
    }
    described = [
        {"uri": name, "digest": {"sha256": hashlib.sha256(data).hexdigest()}}
        for name, data in materials.items()
    ]
    return {
        "_type": STATEMENT,
        "subject": [{"name": "function.zip", "digest": {"sha256": revision.digest}}],
        "predicateType": PROVENANCE,
        "predicate": {
            "buildDefinition": {
                "buildType": BUILD_TYPE,
                "externalParameters": {"source": source},
                "resolvedDependencies": [source, *described],
            },
            "runDetails": {"builder": {"id": builder}, "metadata": {"invocationId": run}},
        },
    }


def check(payload: bytes, expected: Mapping[str, Any]) -> None:
    """Refuses a statement that differs from another one in anything.

    Args:
        payload: The statement, JSON, out of a verified envelope.
        expected: The statement that the run which verifies it would make itself.

    Raises:
        ProvenanceError: they differ; the message names the first difference.
    """
    try:
        told = json.loads(payload)
    except (ValueError, RecursionError):
        raise ProvenanceError("expected SLSA provenance as JSON, got something else") from None
    if not isinstance(told, dict):
        raise ProvenanceError(f"SLSA provenance: expected an object, got {_short(told)}")
    for difference in _differences("", expected, told):
        raise ProvenanceError(difference)


def _differences(path: str, expected: Any, told: Any) -> Iterator[str]:
    if isinstance(expected, Mapping) and isinstance(told, Mapping):
        keys = list(dict.fromkeys([*expected, *told]))
        pairs = [(key, expected.get(key), told.get(key)) for key in keys]
    elif isinstance(expected, list) and isinstance(told, list):
        pairs = [(i, *pair) for i, pair in enumerate(zip_longest(expected, told))]
    else:
        if expected != told:
            yield f"{path}: expected {_short(expected)}, got {_short(told)}"
        return
    for key, one, other in pairs:
        yield from _differences(f"{path}.{key}".lstrip("."), one, other)


def _short(value: Any) -> str:
    return "nothing" if value is None else str(value)[:200]


def _public(url: str) -> str:
    """A URL without the credentials that a checkout may have in it."""
    scheme, found, rest = url.partition("://")
    if not found:
        return url
    authority, slash, path = rest.partition("/")
    return f"{scheme}://{authority.rpartition('@')[2]}{slash}{path}"
