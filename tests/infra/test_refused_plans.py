"""Plans that would take down what serves are refused as a whole, and nothing happens."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from tests.support.infra.terraform import planned_after

BEHIND = {"ingress": "ALLOW_INTERNAL_AND_GCLB"}
PROD: dict[str, Any] = {
    "project_id": "example-project",
    "environment": "prod",
    "bundle": "main.tf",
    "models": {
        "digits": {"models": ["digits"], **BEHIND},
        "flowers": {"models": ["iris"], **BEHIND},
    },
    "public_edge": {"hosts": {"api.example.com": {"function": "digits"}}},
    "monitoring": {"enabled": False},
}
STAGING = {**PROD, "environment": "staging"}
ONE = {"digits": PROD["models"]["digits"]}
FLOWERS = 'module.function["flowers"].terraform_data.protected[0]'


@pytest.mark.parametrize(
    ("change", "protected"),
    [
        ({"models": ONE}, FLOWERS),
        ({"models": {**ONE, "tulips": PROD["models"]["flowers"]}}, FLOWERS),
        ({"region": "europe-west4"}, FLOWERS),
        ({"environment": "staging"}, FLOWERS),
        ({"public_edge": None}, "module.edge[0].terraform_data.protected[0]"),
    ],
    ids=["removed", "renamed", "moved", "no longer prod", "no edge"],
)
def test_prod_loses_nothing_that_serves(
    infra: Path, change: dict[str, Any], protected: str
) -> None:
    agreed, told = planned_after(infra, PROD, PROD | change)
    assert not agreed
    words = " ".join(told.split())
    assert f"Resource {protected} has lifecycle.prevent_destroy set" in words


@pytest.mark.parametrize(
    ("change", "bucket"),
    [
        ({"region": "europe-west4"}, "example-project-staging-models"),
        ({"bucket_prefix": "other"}, "other-models"),
    ],
    ids=["region", "name"],
)
def test_the_registry_is_not_replaced_by_an_empty_one(
    infra: Path, change: dict[str, Any], bucket: str
) -> None:
    agreed, told = planned_after(infra, STAGING, STAGING | change)
    assert not agreed
    words = " ".join(told.split())
    assert re.findall(r"(\S+): expected the place that the bucket has", words) == [bucket]


def test_staging_loses_what_it_is_told_to(infra: Path) -> None:
    agreed, told = planned_after(infra, STAGING, STAGING | {"models": ONE, "public_edge": None})
    assert agreed, told


def test_an_edge_more_leaves_alone_what_there_is(infra: Path) -> None:
    """The build account would get its rights anew, and builds fail until Google knows."""
    before = PROD | {
        "models": {**ONE, "inside": {"models": ["iris"]}},
        "monitoring": {"functions": {"inside": {"uptime": {}}}},
    }
    agreed, told = planned_after(infra, before | {"public_edge": None}, before)
    assert agreed, told
    assert re.findall(r"# (\S+) (?:will be updated|must be replaced)", told) == []
