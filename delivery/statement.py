"""What a bundle was made from, and by which run: SLSA provenance in an in-toto statement.

Formats: https://in-toto.io/Statement/v1 and https://slsa.dev/spec/v1.0/provenance.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
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
        repository: URL of the Git repository.
        builder: Who built it; see `builder_id`.
        run: Name of the run.
        materials: What went into it or describes it, by name: the lock, the bill of materials.
    """
    source = {"uri": f"git+{repository}", "digest": {"gitCommit": revision.commit}}
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


def check(payload: bytes, revision: Revision, builder: str) -> None:
    """Refuses a statement that is not about a bundle, its commit and its builder.

    Args:
        payload: The statement, JSON, out of a verified envelope.
        revision: What would be deployed.
        builder: Who must have built it; see `builder_id`.

    Raises:
        ProvenanceError: it says something else.
    """
    try:
        document = json.loads(payload)
        predicate = document["predicate"]
        told = {
            "_type": document["_type"],
            "predicateType": document["predicateType"],
            "subject": [subject["digest"]["sha256"] for subject in document["subject"]],
            "commit": predicate["buildDefinition"]["externalParameters"]["source"]["digest"][
                "gitCommit"
            ],
            "builder": predicate["runDetails"]["builder"]["id"],
        }
    except (ValueError, LookupError, TypeError) as error:
        raise ProvenanceError(f"expected SLSA provenance, got another document: {error}") from None
    expected = {
        "_type": STATEMENT,
        "predicateType": PROVENANCE,
        "subject": [revision.digest],
        "commit": revision.commit,
        "builder": builder,
    }
    for name, value in expected.items():
        if told[name] != value:
            raise ProvenanceError(f"{name}: expected {value}, got {told[name]}")
