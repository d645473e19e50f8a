"""The kinds of resources that infra/ makes, a row for each: path, names, kind of answer."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum

from tests.infra.lifecycle.cloud.errors import CloudError
from tests.infra.lifecycle.cloud.request import Request


class Answer(Enum):
    """What a change is answered with."""

    RESOURCE = "the resource itself"
    OPERATION = "a long-running operation (google.longrunning)"
    COMPUTE = "an operation of Compute Engine, which is a document of its own kind"


@dataclass(frozen=True)
class Kind:
    """A kind of resources.

    Attributes:
        path: of one of them; each * is a segment.
        id_from: the parameter of the query, or else the field of the body, that names a new one;
            empty where the API makes up a number.
        wrapped: the field of a new one's body that the resource itself is in; empty for none.
        is_named_by_id: whether its `name` is the id, and not the path.
        has_own_name: whether its `name` is what people call it, and neither of these.
        merges: whether a PATCH changes the fields that its body has; otherwise it changes those of
            `updateMask`, and without a mask it replaces all.
        answer: what a change is answered with.
    """

    path: str
    id_from: str = ""
    wrapped: str = ""
    is_named_by_id: bool = False
    has_own_name: bool = False
    merges: bool = False
    answer: Answer = Answer.RESOURCE

    @property
    def api(self) -> str:
        """The first segment."""
        return self.path.split("/")[0]

    @property
    def collection(self) -> str:
        """What they are called, such as `functions`."""
        return self.path.split("/")[-2]

    def has(self, path: str) -> bool:
        """Whether a path is that of one of them."""
        return _pattern(self.path).fullmatch(path) is not None

    def lists(self, path: str) -> bool:
        """Whether a path is that of their collection."""
        return self.path.endswith("/*") and _pattern(self.path[:-2]).fullmatch(path) is not None

    def id_of(self, request: Request, number: int) -> str:
        """The id of a new one.

        Args:
            request: that makes it.
            number: that no other resource has.

        Raises:
            CloudError: 400, the request has none.
        """
        if not self.id_from:
            return str(number)
        name = request.query.get(self.id_from) or request.body.get(self.id_from)
        if not name:
            raise CloudError(400, f"{request.path}: expected {self.id_from}, got none.")
        return str(name)


def kind_of(path: str) -> Kind | None:
    """The kind of a resource or of a collection."""
    return next((kind for kind in KINDS if kind.has(path) or kind.lists(path)), None)


def _pattern(path: str) -> re.Pattern[str]:
    return re.compile(re.escape(path).replace(r"\*", "[^/]+"))


def _compute(collection: str, where: str = "global") -> Kind:
    path = f"compute/v1/projects/*/{where}/{collection}/*"
    return Kind(path, "name", is_named_by_id=True, merges=True, answer=Answer.COMPUTE)


_PLACE = "v1/projects/*/locations/*"
_POOL = f"iam/{_PLACE}/workloadIdentityPools/*"
KINDS = (
    Kind("storage/v1/b/*", "name", is_named_by_id=True, merges=True),
    Kind("storage/v1/b/*/o/*", "name", is_named_by_id=True, merges=True),
    Kind(
        "cloudfunctions/v2/projects/*/locations/*/functions/*",
        "functionId",
        answer=Answer.OPERATION,
    ),
    Kind("run/v2/projects/*/locations/*/services/*", "serviceId", answer=Answer.OPERATION),
    Kind("iam/v1/projects/*/serviceAccounts/*", "accountId", wrapped="serviceAccount"),
    Kind("iam/v1/projects/*/roles/*", "roleId", wrapped="role"),
    Kind(_POOL, "workloadIdentityPoolId", answer=Answer.OPERATION),
    Kind(f"{_POOL}/providers/*", "workloadIdentityPoolProviderId", answer=Answer.OPERATION),
    Kind("cloudresourcemanager/v1/projects/*", "projectId", is_named_by_id=True),
    Kind("cloudbilling/v1/projects/*/billingInfo"),
    Kind("serviceusage/v1/projects/*/services/*", answer=Answer.OPERATION),
    Kind("storage/v1/projects/*/serviceAccount"),
    Kind("monitoring/v3/projects/*/alertPolicies/*"),
    Kind("monitoring/v3/projects/*/notificationChannels/*"),
    Kind("monitoring/v3/projects/*/uptimeCheckConfigs/*"),
    Kind("monitoring/v3/projects/*/services/*", "serviceId"),
    Kind(
        "monitoring/v3/projects/*/services/*/serviceLevelObjectives/*",
        "serviceLevelObjectiveId",
    ),
    Kind("monitoring/v1/projects/*/dashboards/*"),
    Kind("logging/v2/projects/*/metrics/*", "name", is_named_by_id=True),
    _compute("addresses"),
    _compute("backendServices"),
    _compute("forwardingRules"),
    _compute("securityPolicies"),
    _compute("sslCertificates"),
    _compute("sslPolicies"),
    _compute("targetHttpProxies"),
    _compute("targetHttpsProxies"),
    _compute("urlMaps"),
    _compute("networkEndpointGroups", "regions/*"),
    Kind("secretmanager/v1/projects/*/secrets/*", "secretId"),
    Kind(f"artifactregistry/{_PLACE}/repositories/*", "repository_id", answer=Answer.OPERATION),
    Kind(f"cloudkms/{_PLACE}/keyRings/*", "keyRingId"),
    Kind(f"cloudkms/{_PLACE}/keyRings/*/cryptoKeys/*", "cryptoKeyId"),
    Kind(f"cloudbuild/{_PLACE}/triggers/*", has_own_name=True),
    Kind("billingbudgets/v1/billingAccounts/*/budgets/*"),
)
