"""IAM policies, each with an etag, of accounts that are there."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from tests.infra.lifecycle.cloud.errors import CloudError

Policy = dict[str, Any]


class Policies:
    """The IAM policy of each resource."""

    def __init__(self) -> None:
        self._bindings: dict[str, list[Policy]] = {}

    def get(self, path: str) -> Policy:
        """A resource's policy, which is empty at first."""
        bindings = self._bindings.get(path, [])
        digest = hashlib.sha256(json.dumps(bindings, sort_keys=True).encode()).hexdigest()
        return {"version": 3, "etag": digest[:12], "bindings": bindings}

    def set(self, path: str, policy: Mapping[str, Any], accounts: set[str]) -> Policy:
        """Replaces a resource's policy.

        Args:
            path: of the resource.
            policy: the new one; with an etag, that of the policy that it was made from.
            accounts: the emails of all service accounts that there are, without Google's own.

        Raises:
            CloudError: 409 for an old etag; 400 for an account of a project that does not exist.
        """
        etag = policy.get("etag")
        if etag and etag != self.get(path)["etag"]:
            raise CloudError(409, f"The policy of {path} was changed meanwhile.", "aborted")
        bindings = [dict(one) for one in policy.get("bindings", []) if one.get("members")]
        for member in {member for one in bindings for member in one["members"]}:
            kind, _, email = member.partition(":")
            if kind == "serviceAccount" and _is_own(email) and email not in accounts:
                raise CloudError(400, f"Service account {email} does not exist.", "badRequest")
        self._bindings[path] = bindings
        return self.get(path)

    def forget(self, path: str) -> None:
        """Removes the policies of a resource and of what is below it."""
        for one in [one for one in self._bindings if f"{one}/".startswith(f"{path}/")]:
            del self._bindings[one]

    def bury(self, email: str, unique_id: str) -> None:
        """Leaves an account's rights to the deleted one: a later one of its name has none."""
        member = f"serviceAccount:{email}"
        for bindings in self._bindings.values():
            for one in bindings:
                one["members"] = [
                    f"deleted:{member}?uid={unique_id}" if m == member else m
                    for m in one["members"]
                ]

    def granted(self) -> Iterator[tuple[str, str, str]]:
        """Path, role and member of everything that is granted."""
        for path, bindings in self._bindings.items():
            for one in bindings:
                for member in one["members"]:
                    yield path, one["role"], member


def _is_own(email: str) -> bool:
    """Whether an account is a project's own; Google makes those called service-NUMBER."""
    return email.endswith(".iam.gserviceaccount.com") and not re.match(r"service-\d+@", email)
