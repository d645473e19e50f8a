"""What modules/monitoring makes of two functions, as Terraform plans it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from tests.support.infra.terraform import applied

FUNCTIONS: Mapping[str, Mapping[str, Any]] = {
    "digits": {"models": ["digits"], "max_instances": 20},
    "flowers": {"models": ["iris", "rose@staging"], "max_instances": 10},
}


@cache
def monitored(infra: Path) -> Mapping[str, tuple[Mapping[str, Any], ...]]:
    """The resources of an environment in which everything that can be watched is, by their type.

    Args:
        infra: the root module, initialised.
    """
    resources = applied(
        infra,
        project_id="example-project",
        region="europe-west1",
        environment="staging",
        bundle="main.tf",
        models=FUNCTIONS,
        monitoring={
            "emails": {"team": "team@example.com"},
            "functions": {name: {"expects": {}, "uptime": {}} for name in FUNCTIONS},
        },
    )
    by_type: dict[str, tuple[Mapping[str, Any], ...]] = {}
    for resource in resources:
        kind = resource["type"]
        by_type[kind] = (
            *by_type.get(kind, ()),
            {**resource["values"], "index": resource.get("index")},
        )
    return by_type
