"""A fake of the REST APIs that infra/ is applied with: one project, in memory.

It knows resources and not what they do: a function that is created is ACTIVE, and answers nothing.
What it knows is what an apply runs into: names that are taken, resources that others use or that
are not there, APIs that are not enabled, etags, rights of accounts that do not exist, and builds.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from threading import Lock
from typing import Any

from tests.infra.lifecycle.cloud.attributes import NUMBER, completed, number_of
from tests.infra.lifecycle.cloud.changes import changed, merged
from tests.infra.lifecycle.cloud.errors import CloudError, not_found
from tests.infra.lifecycle.cloud.faults import Fault, Script
from tests.infra.lifecycle.cloud.kinds import Answer, Kind, kind_of
from tests.infra.lifecycle.cloud.objects import Content, uploaded
from tests.infra.lifecycle.cloud.operations import Operations
from tests.infra.lifecycle.cloud.policies import Policies
from tests.infra.lifecycle.cloud.request import Request
from tests.infra.lifecycle.cloud.resources import Resource, Resources

# What answers without being enabled: a project is made with these, or nothing could be enabled.
_ENABLED = {"cloudresourcemanager", "serviceusage", "iam", "storage", "logging"}
_WRITES = {"POST", "PUT", "PATCH", "DELETE"}

Snapshot = tuple[Resources, Policies, dict[str, bytes]]


class FakeCloud:
    """The APIs, with one project.

    Args:
        project: its id.
        base: URL that resources are linked under.
    """

    def __init__(self, project: str, base: str = "http://127.0.0.1") -> None:
        self.project = project
        self.base = base
        self.resources = Resources()
        self.policies = Policies()
        self.contents: dict[str, bytes] = {}
        self.faults = Script()
        self.journal: list[tuple[str, str, int]] = []
        self._operations = Operations()
        self._lock = Lock()
        self._made = 0
        self.add_project(project)

    def add_project(self, project: str) -> None:
        """Makes a project; that its APIs must be enabled holds for `project` alone."""
        self.put(
            f"cloudresourcemanager/v1/projects/{project}",
            projectId=project,
            projectNumber=NUMBER,
            lifecycleState="ACTIVE",
        )
        self.put(f"cloudbilling/v1/projects/{project}/billingInfo", billingEnabled=True)
        account = f"service-{NUMBER}@gs-project-accounts.iam.gserviceaccount.com"
        self.put(f"storage/v1/projects/{project}/serviceAccount", email_address=account)
        for api in _ENABLED:
            self.put(f"serviceusage/v1/projects/{project}/services/{api}.googleapis.com")

    def put(self, path: str, **fields: Any) -> None:
        """Makes a resource as somebody else would, such as a secret."""
        kind = kind_of(path)
        assert kind is not None, path
        self.resources.put(path, completed(kind, path, fields, self.base))

    def answer(self, request: Request) -> dict[str, Any] | Content:
        """The document that a request is answered with, or the content of an object.

        Raises:
            CloudError: it is refused.
        """
        status = 200
        try:
            fault = self.faults.meet(request)
            with self._lock:
                return copy.deepcopy(self._carry_out(request, fault))
        except CloudError as error:
            status = error.status
            raise
        finally:
            path = request.path + (f":{request.verb}" if request.verb else "")
            self.journal.append((request.method, path, status))

    def snapshot(self) -> Snapshot:
        """All that there is now."""
        with self._lock:
            return copy.deepcopy((self.resources, self.policies, self.contents))

    def restore(self, snapshot: Snapshot) -> None:
        """Goes back to what there was, and forgets all requests and faults."""
        self.faults.clear()
        with self._lock:
            self.resources, self.policies, self.contents = copy.deepcopy(snapshot)
        self.journal.clear()

    def finish(self) -> None:
        """Ends all operations, whether somebody asks for them or not."""
        with self._lock:
            self._operations.finish()

    @property
    def changes(self) -> list[tuple[str, str, int]]:
        """The requests so far that were to change something."""
        return [one for one in self.journal if one[0] in _WRITES and ":getIam" not in one[1]]

    def _carry_out(self, request: Request, fault: Fault | None) -> dict[str, Any] | Content:
        self._refuse_disabled(request)
        if "/operations/" in request.path:
            return self._operations.poll(request.path)
        if request.path.endswith("/iam") or request.verb.endswith("etIamPolicy"):
            return self._policy(request)
        if request.path.startswith("serviceusage/") and request.verb:
            return self._enable(request, fault)
        if request.path.startswith(("upload/", "download/")) or request.query.get("alt") == "media":
            return self._content(request)
        if request.path.startswith("compute/") and kind_of(request.path) is None:
            return self._act(request, fault)
        return self._rest(request, fault)

    def _content(self, request: Request) -> dict[str, Any] | Content:
        """The upload of an object, or its content."""
        if request.method == "GET":
            path = request.path.removeprefix("download/")
            return Content(self.contents[path], self.resources.get(path)["generation"])
        self._made += 1
        path, resource, content = uploaded(request, 10**15 + self._made, self.base)
        self.resources.get(path.partition("/o/")[0])
        self.resources.put(path, resource)
        self.contents[path] = content
        return resource

    def _refuse_disabled(self, request: Request) -> None:
        api = request.path.split("/")[0]
        service = f"serviceusage/v1/projects/{self.project}/services/{api}.googleapis.com"
        if request.project == self.project and service not in self.resources:
            name = f"{api}.googleapis.com"
            message = (
                f"{name} has not been used in project {self.project} before or it is disabled."
            )
            raise CloudError(403, message, "accessNotConfigured")

    def _rest(self, request: Request, fault: Fault | None) -> dict[str, Any]:
        """The five methods that all kinds have, and the list of a pool's rules, which has none."""
        if request.verb == "listAttestationRules":
            return {}
        kind = _known(request.path, request)
        if kind.lists(request.path):
            return (
                self._create(kind, request, fault)
                if request.method == "POST"
                else self._list(kind, request)
            )
        former = self.resources.get(request.path)
        if request.method == "GET":
            return former
        if request.method == "DELETE":
            return self._answered(kind, request.path, fault, lambda: self._remove(request.path))
        self._refuse_missing_source(kind, request)
        document = changed(kind, former, request)
        resource = completed(kind, request.path, document, self.base)

        def keep() -> None:
            if fault is not None and fault.keeps:
                self._put(request.path, {**resource, "state": "FAILED"})

        return self._answered(
            kind, request.path, fault, lambda: self._put(request.path, resource), keep
        )

    def _refuse_missing_source(self, kind: Kind, request: Request) -> None:
        """Raises CloudError for a function whose zip is not there, or not in this generation."""
        build = request.body.get("buildConfig", {}) if kind.collection == "functions" else {}
        source = build.get("source", {}).get("storageSource")
        if source is None:
            return
        name = source["object"].replace("/", "%2F")
        stored = self.resources.get(f"storage/v1/b/{source['bucket']}/o/{name}")
        if str(source.get("generation", stored["generation"])) != stored["generation"]:
            raise not_found(f"{name}#{source['generation']}")

    def _list(self, kind: Kind, request: Request) -> dict[str, Any]:
        prefix = request.query.get("prefix", "")
        found = [self.resources.get(one) for one in self.resources.of(kind, f"{request.path}/")]
        items = [one for one in found if one["name"].startswith(prefix)]
        return {"items" if kind.api in {"storage", "compute"} else kind.collection: items}

    def _create(self, kind: Kind, request: Request, fault: Fault | None) -> dict[str, Any]:
        self._made += 1
        name = kind.id_of(request, 10**9 + self._made)
        if kind.collection == "serviceAccounts":
            name = f"{name}@{request.project}.iam.gserviceaccount.com"
        path = f"{request.path}/{name.replace('/', '%2F')}"
        if path in self.resources:
            raise CloudError(409, f"{path} already exists.", "alreadyExists")
        self._refuse_missing_source(kind, request)
        body = request.body.get(kind.wrapped, {}) if kind.wrapped else request.body
        resource = completed(kind, path, body, self.base)
        if kind.answer is Answer.RESOURCE:
            return self._put(path, resource)
        self.resources.put(path, {**resource, "state": "DEPLOYING"})
        return self._answered(
            kind, path, fault, lambda: self._put(path, resource), lambda: self._spoil(kind, path)
        )

    def _answered(
        self,
        kind: Kind,
        path: str,
        fault: Fault | None,
        finish: Callable[[], Resource],
        fail: Callable[[], None] = lambda: None,
    ) -> dict[str, Any]:
        if kind.answer is Answer.RESOURCE:
            return finish()
        parent = path.split(f"/{kind.collection}/", maxsplit=1)[0]
        return self._operations.begin(parent, kind.answer, fault, finish, fail)

    def _put(self, path: str, resource: Resource) -> Resource:
        self.resources.put(path, resource)
        if path.startswith("cloudfunctions/"):
            self.put(_service_of(path), ingress=resource["serviceConfig"]["ingressSettings"])
        return resource

    def _spoil(self, kind: Kind, path: str) -> None:
        """What is left of a resource whose making failed: of a function, its name."""
        if path.startswith("cloudfunctions/"):
            spoilt = self.resources.get(path)
            spoilt["state"] = "FAILED"
            del spoilt["url"], spoilt["serviceConfig"]["uri"], spoilt["serviceConfig"]["service"]
        else:
            self.resources.remove(path)

    def _remove(self, path: str) -> Resource:
        self.resources.remove(path)
        self.policies.forget(path)
        if path.startswith("cloudfunctions/") and _service_of(path) in self.resources:
            self._remove(_service_of(path))
        if "/serviceAccounts/" in path:
            self.policies.bury(path.rsplit("/", maxsplit=1)[-1], number_of(path))
        return {}

    def _policy(self, request: Request) -> dict[str, Any]:
        path = request.path.removesuffix("/iam")
        if path not in self.resources:
            raise not_found(path)
        if request.method == "PUT" or request.verb == "setIamPolicy":
            accounts = {one.split("/")[-1] for one in self.resources if "/serviceAccounts/" in one}
            policy = request.body.get("policy", request.body)
            return self.policies.set(path, policy, accounts)
        return self.policies.get(path)

    def _enable(self, request: Request, fault: Fault | None) -> dict[str, Any]:
        """`services:batchEnable`, `services/NAME:enable` and `services/NAME:disable`."""
        names = request.body.get("serviceIds") or [request.path.split("/")[-1]]
        parent = request.path.partition("/services")[0]
        paths = [f"{parent}/services/{name}" for name in names]

        def finish() -> Mapping[str, Any]:
            for path in paths:
                if request.verb == "disable":
                    self.resources.remove(path)
                else:
                    self.put(path)
            return {}

        return self._operations.begin(
            "serviceusage/v1", Answer.OPERATION, fault, finish, lambda: None
        )

    def _act(self, request: Request, fault: Fault | None) -> dict[str, Any]:
        """Compute Engine's `…/NAME/setSomething`, and the rules of a security policy."""
        path, _, action = request.path.rpartition("/")
        if kind_of(path) is None:  # of proxies, some leave out `global`
            project, collection, name = path.split("/")[-3:]
            path = f"compute/v1/projects/{project}/global/{collection}/{name}"
        kind = _known(path, request)
        former = self.resources.get(path)
        if action.endswith("Rule"):
            document = {**former, "rules": _ruled(former["rules"], action, request)}
        else:
            document = merged(former, request.body)
        resource = completed(kind, path, document, self.base)
        return self._answered(kind, path, fault, lambda: self._put(path, resource))


def _known(path: str, request: Request) -> Kind:
    """The kind at a path.

    Raises:
        CloudError: 501, there is none, or the request has a verb that is not known.
    """
    kind = kind_of(path)
    if kind is None or request.verb:
        method = f"{request.method} {request.path}:{request.verb}".rstrip(":")
        raise CloudError(501, f"{method}: this fake has no such method; see kinds.py.")
    return kind


def _service_of(function: str) -> str:
    """The path of a function's Cloud Run service."""
    return function.replace("cloudfunctions/v2/", "run/v2/").replace("/functions/", "/services/")


def _ruled(rules: list[Resource], action: str, request: Request) -> list[Resource]:
    """A security policy's rules after `addRule`, `patchRule` or `removeRule`."""
    priority = int(request.query.get("priority", request.body.get("priority", 0)))
    former = {rule["priority"]: rule for rule in rules}
    if action == "addRule" and priority in former:
        raise CloudError(400, f"There is a rule of priority {priority} already.", "invalid")
    if action == "removeRule":
        del former[priority]
    else:
        former[priority] = {**former.get(priority, {}), **request.body}
    return list(former.values())
