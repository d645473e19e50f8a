"""Whether a plan is what is left of another one, whose apply was cut short.

    python3 -m delivery.remainder --allowed allowed.json --plan plan.json

It needs no packages, because the image in which plans are applied has none but Google's.
Exit codes: 0 it is; 1 it changes more, and what is told.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
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
    before, found = _changes(allowed), []
    for key, change in _changes(plan).items():
        actions = set(change["actions"])
        was = before.get(key, {"actions": []})
        permitted = set(was["actions"])
        if "create" in permitted and "create" in actions:
            permitted |= {"delete"}
        if not actions <= permitted:
            found.append(f"{key}: {'+'.join(sorted(actions - permitted))}")
        found += [f"{key}: another {name}" for name in _differing(change, was)]
    ours, theirs = _released(plan), _released(allowed)
    if ours["before"] not in (theirs["before"], theirs["after"]):
        found.append(f"another run has applied {json.dumps(ours['before'])} meanwhile")
    if ours["after"] != theirs["after"]:
        found.append(f"it is of {json.dumps(ours['after'])}")
    return found


def _changes(plan: Mapping[str, Any]) -> dict[str, Any]:
    """Changes by address; what is to be deleted beside its successor has a key of its own."""
    found = {}
    for each in plan.get("resource_changes", []):
        deposed = each.get("deposed")
        key = each["address"] + (f" (deposed {deposed})" if deposed else "")
        if not set(each["change"]["actions"]) <= {"no-op", "read"}:
            found[key] = each["change"]
    return found


def _differing(change: Mapping[str, Any], was: Mapping[str, Any]) -> list[str]:
    """Arguments that were known to be something else."""
    now, then = change.get("after") or {}, was.get("after") or {}
    return sorted(name for name in now.keys() & then.keys() if _differs(now[name], then[name]))


def _differs(now: Any, then: Any) -> bool:
    # What a plan does not know is null in it, or left out: it may be known later.
    if now is None or then is None:
        return False
    if isinstance(now, dict) and isinstance(then, dict):
        return any(_differs(now[name], then[name]) for name in now.keys() & then.keys())
    if isinstance(now, list) and isinstance(then, list):
        return len(now) != len(then) or any(map(_differs, now, then))
    return bool(now != then)


def _released(plan: Mapping[str, Any]) -> dict[str, Any]:
    found = plan.get("output_changes", {}).get("release", {})
    return {"before": found.get("before"), "after": found.get("after")}


def _read(path: Path) -> dict[str, Any]:
    # Not `documents`: Terraform's image has Python, and no package.
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        sys.exit(f"{path}: expected a plan as JSON; plan.sh leaves it")
    return document


def main(arguments: Sequence[str] | None = None) -> None:
    """Compare two plans.

    Args:
        arguments: The command line; None for that of the process.
    """
    parser = argparse.ArgumentParser()
    parser.add_argument("--allowed", type=Path, required=True)
    parser.add_argument("--plan", type=Path, required=True)
    given = parser.parse_args(arguments)
    plan, allowed = _read(given.plan), _read(given.allowed)
    try:
        found = more_than_is_left(plan, allowed)
    except (LookupError, TypeError, AttributeError) as error:
        sys.exit(
            f"{given.plan}, {given.allowed}: expected plans as JSON, got a form without {error}"
        )
    if found:
        told = "\n".join(f"  {line}" for line in found)
        sys.stderr.write(
            f"{given.plan}: expected what is left of the plan that was allowed, and it would "
            f"change more; run the delivery again:\n{told}\n"
        )
        sys.exit(1)


if __name__ == "__main__":
    main()
