"""The conditions of IAM and of workload identity, as planned, on requests that must pass or not."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support.infra.cel import holds
from tests.support.infra.terraform import applied, assert_done, terraform

BUCKET = "storage.googleapis.com/Bucket"
OBJECT = "storage.googleapis.com/Object"
ACCOUNT = "iam.googleapis.com/ServiceAccount"
STAGING, PROD = "example-staging-staging", "example-prod-prod"
# What GitHub says of the run that is let in; the ids stay when a repository is renamed.
TOKEN = {
    "iss": "https://token.actions.githubusercontent.com",
    "sub": "repo:example/tflite-functions:environment:prod",
    "repository": "example/tflite-functions",
    "repository_id": "123456789",
    "repository_owner": "example",
    "repository_owner_id": "4242",
    "ref": "refs/tags/v1.2.3",
    "ref_type": "tag",
    "environment": "prod",
    "event_name": "push",
}
GITHUB = {
    "repository": TOKEN["repository"],
    "repository_id": TOKEN["repository_id"],
    "owner_id": TOKEN["repository_owner_id"],
}


@dataclass(frozen=True, slots=True)
class Granted:
    """A role that is given under a condition.

    Attributes:
        role: The role.
        condition: Title of the condition.
        project: Project of the bucket or of the policy.
    """

    role: str
    condition: str
    project: str


@pytest.fixture(scope="module")
def bootstrap(infra: Path) -> list[Mapping[str, Any]]:
    """The identities of the pipelines of staging and prod."""
    folder = infra / "bootstrap"
    shutil.copytree(infra / "tests" / "mocks", folder / "tests" / "mocks")
    assert_done(terraform("init", "-backend=false", "-input=false", folder=folder))
    return applied(
        folder,
        environments={
            "staging": {
                "project_id": "example-staging",
                "github": {**GITHUB, "ref": "refs/heads/main"},
            },
            "prod": {
                "project_id": "example-prod",
                "from": "staging",
                "github": {**GITHUB, "ref": "refs/tags/v*"},
            },
        },
    )


@pytest.fixture(scope="module")
def environment(infra: Path) -> list[Mapping[str, Any]]:
    """What infra/ makes of one function with a publisher."""
    return applied(
        infra,
        project_id="example-prod",
        environment="staging",
        bundle="main.tf",
        publishers={"pipeline": "user:me@example.com"},
        models={"digits": {"models": ["digits"]}},
        monitoring={"enabled": False},
    )


@pytest.fixture(scope="module")
def conditions(
    bootstrap: list[Mapping[str, Any]], environment: list[Mapping[str, Any]]
) -> Mapping[Granted, str]:
    """Every condition that a role is given under."""
    found = {}
    for resource in (*bootstrap, *environment):
        values = resource["values"]
        for condition in values.get("condition") or [] if "role" in values else []:
            project = values.get("project") or values["bucket"].removesuffix("-terraform")
            given = Granted(values["role"], condition["title"], project)
            found[given] = condition["expression"]
    return found


def of(conditions: Mapping[Granted, str], title: str) -> set[str]:
    """The expressions of a title, those that prod's pipeline and infra/ of prod are given under."""
    project = "example-staging" if title == "models for prod" else "example-prod"
    found = {
        expression
        for given, expression in conditions.items()
        if given.condition == title and given.project.startswith(project)
    }
    assert found, title
    return found


def stored(bucket: str, path: str = "") -> dict[str, str]:
    """A request for a bucket, or for an object of it."""
    name = f"projects/_/buckets/{bucket}"
    if not path:
        return {"type": BUCKET, "service": "storage.googleapis.com", "name": name}
    return {
        "type": OBJECT,
        "service": "storage.googleapis.com",
        "name": f"{name}/objects/{path}",
    }


ELSEWHERE = {
    "type": ACCOUNT,
    "service": "iam.googleapis.com",
    "name": "projects/example-prod/serviceAccounts/1",
}

CASES = [
    ("own buckets", stored(f"{PROD}-models"), True),
    ("own buckets", stored(f"{PROD}-sources"), True),
    ("own buckets", stored(f"{PROD}-sources", "digits.zip"), True),
    ("own buckets", ELSEWHERE, True),
    ("own buckets", stored("example-prod-terraform"), False),
    ("own buckets", stored("example-prod-terraform", "tflite-functions/prod"), False),
    ("own buckets", stored("example-prod-delivery"), False),
    ("own buckets", stored(f"{STAGING}-models"), False),
    ("own buckets", stored("example-prod-production-models"), False),
    ("own buckets", stored(PROD), False),
    ("bundles only", stored(f"{PROD}-sources", "digits-0123.zip"), True),
    ("bundles only", stored(f"{PROD}-sources"), True),
    ("bundles only", stored(f"{PROD}-models", "models/digits/aliases/production.json"), False),
    ("bundles only", stored("example-prod-terraform", f"{PROD}-sources/x"), False),
    ("bundles only", ELSEWHERE, False),
    ("state of infra only", stored("example-prod-terraform"), True),
    (
        "state of infra only",
        stored("example-prod-terraform", "tflite-functions/prod.tfstate"),
        True,
    ),
    ("state of infra only", stored("example-prod-terraform", "bootstrap/default.tfstate"), False),
    (
        "state of infra only",
        stored("example-prod-terraform", "tflite-functions-bootstrap/default.tfstate"),
        False,
    ),
    ("models for prod", stored(f"{STAGING}-models", "models/digits/aliases/staging.json"), True),
    ("models for prod", stored(f"{STAGING}-models"), True),
    ("models for prod", stored(f"{STAGING}-sources", "digits.zip"), False),
    ("models for prod", stored("example-staging-delivery", "runs/1/plan.tfplan"), False),
    ("models only", stored(f"{PROD}-models", "models/digits/aliases/production.json"), True),
    ("models only", stored(f"{PROD}-models"), True),
    ("models only", stored(f"{PROD}-models-of-others", "models/digits/aliases/a.json"), False),
    ("models only", stored(f"{PROD}-sources", "digits.zip"), False),
    ("aliases only", stored(f"{PROD}-models", "models/digits/aliases/production.json"), True),
    ("aliases only", stored(f"{PROD}-models", "team/models/digits/aliases/staging.json"), True),
    ("aliases only", stored(f"{PROD}-models", "models/aliases/aliases/production.json"), True),
    ("aliases only", stored(f"{PROD}-models", "models/digits/versions/V/manifest.json"), False),
    ("aliases only", stored(f"{PROD}-models", "models/digits/versions/V/aliases/a.json"), False),
    ("aliases only", stored(f"{PROD}-models", "models/digits/aliases/versions/a.json"), False),
    ("aliases only", stored(f"{PROD}-models", "models/aliases/versions/V/manifest.json"), False),
    ("aliases only", stored(f"{PROD}-models", "models/digits/aliases/production.txt"), False),
    ("aliases only", stored(f"{PROD}-models", "models/digits.json"), False),
    ("aliases only", stored(f"{PROD}-models", "models/digits/aliases/a.json/more.json"), False),
    ("aliases only", stored(f"{PROD}-models", "models/digits/aliases/a.json.txt"), False),
    ("aliases only", stored(f"{PROD}-models", "models/digits/aliases/a.json/more"), False),
    ("aliases only", stored(f"{PROD}-models"), False),
    (
        "sources of functions",
        stored("gcf-v2-sources-123456789012-europe-west1", "digits/f.zip"),
        True,
    ),
    ("sources of functions", stored("gcf-v2-sources-1234567890123-europe-west1", "f.zip"), False),
    ("sources of functions", stored("gcf-v2-uploads-123456789012-europe-west1", "f.zip"), False),
    ("sources of functions", stored(f"{PROD}-models", "gcf-v2-sources-123456789012-"), False),
]


@pytest.mark.parametrize(("title", "resource", "expected"), CASES)
def test_a_condition_lets_through_what_it_says_and_nothing_else(
    conditions: Mapping[Granted, str], title: str, resource: dict[str, str], *, expected: bool
) -> None:
    for expression in of(conditions, title):
        assert holds(expression, {"resource": resource, "api": {}}) == expected, expression


SIBLINGS = [
    ("bundles only", stored(f"{PROD}-sources-of-others", "digits.zip")),
    ("bundles only", stored(f"{PROD}-sources2")),
    (
        "models for prod",
        stored(f"{STAGING}-models-of-others", "models/digits/aliases/staging.json"),
    ),
    ("models for prod", stored(f"{STAGING}-models2")),
]


@pytest.mark.parametrize(("title", "resource"), SIBLINGS)
def test_a_condition_does_not_let_through_a_bucket_of_a_longer_name(
    conditions: Mapping[Granted, str], title: str, resource: dict[str, str]
) -> None:
    for expression in of(conditions, title):
        assert not holds(expression, {"resource": resource, "api": {}}), expression


GRANTS = "iam.googleapis.com/modifiedGrantsByRole"


@pytest.mark.parametrize(
    ("roles", "expected"),
    [
        (["roles/artifactregistry.writer"], True),
        (["roles/artifactregistry.writer", "roles/logging.logWriter"], True),
        (["roles/storage.objectViewer"], True),
        (["roles/owner"], False),
        (["roles/logging.logWriter", "roles/resourcemanager.projectIamAdmin"], False),
        (["roles/logging.logWriter.extended"], False),
        # A request that changes no grants.
        (None, True),
    ],
)
def test_the_pipeline_grants_the_roles_of_builds_alone(
    conditions: Mapping[Granted, str], roles: list[str] | None, *, expected: bool
) -> None:
    api = {} if roles is None else {GRANTS: roles}
    for expression in of(conditions, "these roles only"):
        assert holds(expression, {"resource": ELSEWHERE, "api": api}) == expected


def test_every_condition_has_cases_of_both_kinds(conditions: Mapping[Granted, str]) -> None:
    titles = {given.condition for given in conditions} - {"these roles only"}
    for wanted in (True, False):
        assert {title for title, _, expected in CASES if expected == wanted} == titles


@pytest.fixture(scope="module")
def trust(bootstrap: list[Mapping[str, Any]]) -> Mapping[str, str]:
    """Whom workload identity lets in, by the environment."""
    return {
        resource["values"]["workload_identity_pool_id"].removeprefix("github-"): resource["values"][
            "attribute_condition"
        ]
        for resource in bootstrap
        if resource["type"] == "google_iam_workload_identity_pool_provider"
    }


@pytest.mark.parametrize(
    ("pipeline", "claims", "expected"),
    [
        ("prod", {}, True),
        ("prod", {"ref": "refs/tags/v2"}, True),
        ("prod", {"environment": "prod-rollback"}, True),
        ("prod", {"environment": "staging-rollback"}, False),
        ("prod", {"ref": "refs/tags/2"}, False),
        ("prod", {"ref": "refs/tags/x/v2"}, False),
        ("prod", {"ref": "refs/heads/main", "ref_type": "branch"}, False),
        ("prod", {"ref": "refs/heads/refs/tags/v1", "ref_type": "branch"}, False),
        ("prod", {"ref": "refs/pull/1/merge", "event_name": "pull_request"}, False),
        ("prod", {"environment": "staging"}, False),
        ("prod", {"environment": None}, False),
        ("prod", {"environment": "production"}, False),
        # A fork, another repository, one whose name begins or ends alike.
        (
            "prod",
            {
                "repository": "somebody/tflite-functions",
                "repository_id": "987654321",
                "repository_owner": "somebody",
                "repository_owner_id": "13",
            },
            False,
        ),
        ("prod", {"repository": "example/tflite-functions-2", "repository_id": "987654321"}, False),
        ("prod", {"repository": "an-example/tflite-functions", "repository_id": "1"}, False),
        ("prod", {"sub": "repo:somebody/else:environment:prod"}, True),
        ("staging", {"ref": "refs/heads/main", "environment": "staging"}, True),
        ("staging", {"ref": "refs/heads/main", "environment": "prod"}, False),
        ("staging", {"ref": "refs/heads/main2", "environment": "staging"}, False),
        ("staging", {"environment": "staging"}, False),
    ],
)
def test_github_is_the_pipeline_from_one_repository_ref_and_environment(
    trust: Mapping[str, str], pipeline: str, claims: dict[str, str | None], *, expected: bool
) -> None:
    token = {name: value for name, value in {**TOKEN, **claims}.items() if value is not None}
    assert holds(trust[pipeline], {"assertion": token}) == expected, trust[pipeline]


def test_github_is_not_the_pipeline_from_a_repository_that_took_over_the_name(
    trust: Mapping[str, str],
) -> None:
    token = {**TOKEN, "repository_id": "987654321", "repository_owner_id": "13"}
    assert not holds(trust["prod"], {"assertion": token})
