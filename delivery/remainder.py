"""Whether a plan is what is left of another one, whose apply was cut short.

    python3 -m delivery.remainder --allowed allowed.json --plan plan.json

It needs no packages, because the image in which plans are applied has none but Google's.
Exit codes: 0 it is; 1 it changes more, and what is told.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def more_than_is_left(plan: Mapping[str, Any], allowed: Mapping[str, Any]) -> list[str]:
    """What a plan changes that the plan before it did not.

    A resource that could not be made whole is deleted and made again, so that one that was to be
    made may be deleted now.

    Args:
        plan: The new plan, as `terraform show -json` has it.
        allowed: The plan whose apply was cut short.

    Returns:
        A line for each change; none if the plan is what is left.
    """
    before = _changes(allowed)
    found = []
    for address, actions in _changes(plan).items():
        permitted = before.get(address, frozenset())
        if "create" in permitted:
            permitted |= {"delete"}
        if not actions <= permitted:
            found.append(f"{address}: {'+'.join(sorted(actions - permitted))}")
    was, now = _released(plan)["before"], _released(allowed)
    if was not in (now["before"], now["after"]):
        found.append(f"another run has applied {json.dumps(was)} meanwhile")
    return found


def _changes(plan: Mapping[str, Any]) -> dict[str, frozenset[str]]:
    return {
        change["address"]: frozenset(change["change"]["actions"]) - {"no-op", "read"}
        for change in plan.get("resource_changes", [])
    }


def _released(plan: Mapping[str, Any]) -> dict[str, Any]:
    found = plan.get("output_changes", {}).get("release", {})
    return {"before": found.get("before"), "after": found.get("after")}


def main() -> None:
    """Compare the two plans of the command line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--allowed", type=Path, required=True)
    parser.add_argument("--plan", type=Path, required=True)
    arguments = parser.parse_args()
    plan, allowed = (
        json.loads(path.read_text(encoding="utf-8")) for path in (arguments.plan, arguments.allowed)
    )
    found = more_than_is_left(plan, allowed)
    if found:
        told = "\n".join(f"  {line}" for line in found)
        sys.stderr.write(
            f"{arguments.plan}: expected what is left of the plan that was allowed, and it would "
            f"change more; run the delivery again:\n{told}\n"
        )
        sys.exit(1)


if __name__ == "__main__":
    main()
