"""What a plan would delete that cannot be missed, and what was released to be deleted."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

GUARDED = {
    "bucket": re.compile(r"google_storage_bucket"),
    "folder": re.compile(r"google_storage_managed_folder"),
    "function": re.compile(r"google_cloudfunctions2?_function"),
    "service": re.compile(r"google_cloud_run(_v2)?_service"),
    "invoker": re.compile(
        r"google_(cloudfunctions2?_function|cloud_run(_v2)?_service)_iam_(member|binding|policy)"
    ),
    "key": re.compile(r"google_(kms_(key_ring|crypto_key)\w*|service_account_key)"),
    "account": re.compile(r"google_service_account"),
    "reader": re.compile(
        r"google_(storage_(bucket|managed_folder)|secret_manager_secret)_iam_(member|binding|policy)"
    ),
    "secret": re.compile(r"google_secret_manager_secret(_version)?"),
    "image repository": re.compile(r"google_artifact_registry_repository"),
    "address": re.compile(r"google_compute_(global_)?address"),
    "listener": re.compile(r"google_compute_(global_)?forwarding_rule"),
}
"""What is guarded, by the type of resource (whole match).

Buckets and folders hold models and code, functions and services answer, and invokers may call them.
Without a key, or the right to use it, all that it encrypts is lost. A deleted account takes with it
every role that anybody gave it, without its readers a function loads nothing, services start from
their images' repository, and the world's DNS points to an address, where a listener answers.
"""

_INDEX = r'(?:\["[^"]*"\]|\[\d+\])?'
_ADDRESS = re.compile(rf"(?:module\.[\w-]+{_INDEX}\.)*(?:module|\w+)\.[\w-]+{_INDEX}")
"""Of a module or a resource, whole: the beginning of one would release more than it says."""


@dataclass(frozen=True, slots=True)
class Deletion:
    """One guarded resource that a plan deletes.

    Attributes:
        address: Address of the resource, as Terraform writes it.
        kind: What it is: a key of `GUARDED`.
        replaced: Whether another one takes its place.
        reason: Terraform's reason, for people; empty if it has none.
    """

    address: str
    kind: str
    replaced: bool
    reason: str

    def __str__(self) -> str:
        what = "replaces" if self.replaced else "deletes"
        return f"{what} the {self.kind} {self.address}" + (f" ({self.reason})" * bool(self.reason))

    def is_within(self, address: str) -> bool:
        """Whether an address is the resource's own, or that of a module around it."""
        return self.address == address or self.address.startswith((f"{address}.", f"{address}["))


class DeletionError(Exception):
    """A plan deletes what nobody released, or a release names what no plan deletes."""


def deletions(plan: Mapping[str, Any]) -> list[Deletion]:
    """The guarded resources that a plan deletes or replaces.

    A function or service whose first build failed is none: Terraform makes it anew, and it never
    answered anybody.

    Args:
        plan: The plan, as `terraform show -json` prints it.
    """
    return [
        Deletion(
            change["address"],
            kind,
            replaced="create" in change["change"]["actions"],
            reason=_reason(change),
        )
        for change in plan.get("resource_changes", [])
        if {"delete", "forget"} & set(change["change"]["actions"])
        and (kind := _kind(change["type"]))
        and not _never_answered(change, kind)
    ]


def check_released(found: Sequence[Deletion], release: str) -> None:
    """Refuses deletions that nobody released by name.

    Args:
        found: What a plan deletes.
        release: Addresses of resources or modules that may be deleted, separated by ``;``.

    Raises:
        DeletionError: something else would be deleted, or a name releases nothing: left where it
            is, it would release that when nobody thinks of it.
    """
    released = [name.strip() for name in release.split(";") if name.strip()]
    for name in released:
        if not _ADDRESS.fullmatch(name):
            raise DeletionError(
                f'RELEASE: expected addresses such as module.function["old"], got {name}'
            )
    refused = [each for each in found if not any(map(each.is_within, released))]
    if refused:
        lines = "\n".join(f"  {each}" for each in refused)
        names = "; ".join(dict.fromkeys([*released, *(each.address for each in refused)]))
        raise DeletionError(
            f"the plan takes away what is in use:\n{lines}\n"
            f"If that is meant, plan again with exactly this:\n  RELEASE={shlex.quote(names)}"
        )
    for name in released:
        if not any(each.is_within(name) for each in found):
            raise DeletionError(
                f"RELEASE: expected what this plan deletes, got {name}, which it does not: take it "
                "out, or it will release that when nobody thinks of it"
            )


def _kind(resource_type: str) -> str | None:
    return next((kind for kind, types in GUARDED.items() if types.fullmatch(resource_type)), None)


def _never_answered(change: Mapping[str, Any], kind: str) -> bool:
    # Tainted is what could not be made, and what somebody tainted by hand, which may answer. The
    # values are Google's own: a plan refreshes them first.
    if change.get("action_reason") != "replace_because_tainted":
        return False
    before = change["change"]["before"]
    if kind == "function":
        return bool(before.get("state") == "FAILED")
    return kind == "service" and not before.get("latest_ready_revision", "unknown")


def _reason(change: Mapping[str, Any]) -> str:
    paths = [".".join(map(str, path)) for path in change["change"].get("replace_paths", [])]
    if paths:
        return "because of " + ", ".join(paths)
    return str(change.get("action_reason", "")).replace("_", " ")
