"""The fake of Google's APIs, asked by clients without Terraform."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from threading import Event, Thread
from typing import Any

import pytest
import requests
from google.api_core.client_options import ClientOptions
from google.api_core.exceptions import Conflict, NotFound
from google.auth.credentials import AnonymousCredentials
from google.cloud import storage

from tests.infra.lifecycle.cloud.fake import FakeCloud
from tests.infra.lifecycle.cloud.faults import Fault
from tests.infra.lifecycle.cloud.server import served

P = "projects/example-project"
PLACE = f"{P}/locations/europe-west1"
APIS = ("cloudfunctions", "compute", "monitoring", "run", "secretmanager", "cloudkms", "cloudbuild")


@pytest.fixture
def cloud() -> Iterator[FakeCloud]:
    with served("example-project") as fake:
        for api in APIS:
            fake.put(f"serviceusage/v1/{P}/services/{api}.googleapis.com")
        yield fake


@pytest.fixture
def call(cloud: FakeCloud) -> Any:
    """METHOD, path and body to status and document."""
    with requests.Session() as session:

        def call(method: str, path: str, **body: Any) -> tuple[int, dict[str, Any]]:
            response = session.request(method, f"{cloud.base}/{path}", json=body or None)
            return response.status_code, response.json()

        yield call


def account(call: Any, name: str = "runner") -> str:
    status, made = call("POST", f"iam/v1/{P}/serviceAccounts", accountId=name, serviceAccount={})
    assert status == 200, made
    return str(made["email"])


def function(call: Any, name: str = "digits", **fields: Any) -> Mapping[str, Any]:
    status, operation = call(
        "POST", f"cloudfunctions/v2/{PLACE}/functions?functionId={name}", **{"labels": {}, **fields}
    )
    assert status == 200, operation
    return dict(operation)


def test_what_is_made_can_be_read_listed_changed_and_deleted(call: Any) -> None:
    status, made = call(
        "POST", "storage/v1/b?project=example-project", name="models", location="eu"
    )
    assert (status, made["location"]) == (200, "EU")
    assert made["selfLink"].endswith("/storage/v1/b/models")
    assert call("GET", "storage/v1/b/models") == (200, made)
    assert call("GET", "storage/v1/b?project=example-project")[1] == {"items": [made]}
    changed = call("PATCH", "storage/v1/b/models", labels={"a": "1"}, versioning=None)[1]
    assert changed["labels"] == {"a": "1"}
    assert call("DELETE", "storage/v1/b/models")[0] == 200
    assert call("GET", "storage/v1/b/models")[0] == 404


def test_a_name_is_taken_once(call: Any) -> None:
    account(call)
    status, told = call("POST", f"iam/v1/{P}/serviceAccounts", accountId="runner")
    assert (status, told["error"]["status"]) == (409, "ALREADY_EXISTS")


def test_a_mask_says_what_a_patch_changes(call: Any) -> None:
    function(call, description="old", serviceConfig={"timeoutSeconds": 30, "minInstanceCount": 1})
    path = f"cloudfunctions/v2/{PLACE}/functions/digits"
    call("PATCH", f"{path}?updateMask=serviceConfig", description="new", serviceConfig={})
    whole = call("GET", path)[1]
    assert whole["description"] == "old"
    assert whole["serviceConfig"]["timeoutSeconds"] == 60  # the API's default
    assert "minInstanceCount" not in whole["serviceConfig"]
    email = account(call)
    call(
        "PATCH",
        f"iam/v1/{P}/serviceAccounts/{email}",
        serviceAccount={"displayName": "Runner", "description": "unnamed"},
        updateMask="display_name",
    )
    changed = call("GET", f"iam/v1/{P}/serviceAccounts/{email}")[1]
    assert (changed["displayName"], changed.get("description")) == ("Runner", None)


def test_a_function_brings_its_service_and_takes_it_away(call: Any) -> None:
    assert function(call)["done"]
    made = call("GET", f"cloudfunctions/v2/{PLACE}/functions/digits")[1]
    assert made["state"] == "ACTIVE"
    assert made["serviceConfig"]["service"] == f"{PLACE}/services/digits"
    assert call("GET", f"run/v2/{PLACE}/services/digits:getIamPolicy")[0] == 200
    call("DELETE", f"cloudfunctions/v2/{PLACE}/functions/digits")
    assert call("GET", f"run/v2/{PLACE}/services/digits:getIamPolicy")[0] == 404


def test_a_build_that_fails_leaves_the_name_taken(cloud: FakeCloud, call: Any) -> None:
    cloud.faults.add([Fault("POST", "/functions$", fails=True, message="Build failed")])
    operation = function(call)
    assert operation["error"] == {"code": 3, "message": "Build failed"}
    failed = call("GET", f"cloudfunctions/v2/{PLACE}/functions/digits")[1]
    assert (failed["state"], failed.get("url")) == ("FAILED", None)
    status, _ = call("POST", f"cloudfunctions/v2/{PLACE}/functions?functionId=digits")
    assert status == 409


def test_an_update_whose_build_fails_changes_nothing(cloud: FakeCloud, call: Any) -> None:
    function(call, description="old")
    path = f"cloudfunctions/v2/{PLACE}/functions/digits"
    cloud.faults.add([Fault("PATCH", "/functions/digits$", fails=True)])
    assert "error" in call("PATCH", f"{path}?updateMask=description", description="new")[1]
    former = call("GET", path)[1]
    assert (former["state"], former["description"]) == ("ACTIVE", "old")


def test_or_it_is_kept_and_failed(cloud: FakeCloud, call: Any) -> None:
    function(call, description="old")
    path = f"cloudfunctions/v2/{PLACE}/functions/digits"
    cloud.faults.add([Fault("PATCH", "/functions/digits$", fails=True, keeps=True)])
    assert "error" in call("PATCH", f"{path}?updateMask=description", description="new")[1]
    kept = call("GET", path)[1]
    assert (kept["state"], kept["description"]) == ("FAILED", "new")


def test_a_function_is_built_from_a_copy_of_a_zip_that_is_there(call: Any) -> None:
    call("POST", "storage/v1/b", name="sources")
    upload = "upload/storage/v1/b/sources/o?uploadType=media&name=a%2Fzip"
    generation = call("POST", upload)[1]["generation"]
    given = {"bucket": "sources", "object": "a/zip", "generation": "7"}
    path = f"cloudfunctions/v2/{PLACE}/functions"
    body = {"buildConfig": {"source": {"storageSource": given}}}
    assert call("POST", f"{path}?functionId=digits", **body)[0] == 404
    given["generation"] = generation
    assert call("POST", f"{path}?functionId=digits", **body)[0] == 200
    build = call("GET", f"{path}/digits")[1]["buildConfig"]
    assert build["source"]["storageSource"]["bucket"].startswith("gcf-v2-sources-")
    call("PATCH", f"{path}/digits?updateMask=labels", labels={"a": "b"})
    assert build == call("GET", f"{path}/digits")[1]["buildConfig"]
    assert build["sourceProvenance"]["resolvedStorageSource"] == given


def test_a_slow_operation_ends_with_its_last_poll(cloud: FakeCloud, call: Any) -> None:
    cloud.faults.add([Fault("POST", "/functions$", polls=2)])
    operation = function(call)
    assert not operation["done"]
    path = f"cloudfunctions/v2/{PLACE}/functions/digits"
    assert call("GET", path)[1]["state"] == "DEPLOYING"
    polls = [call("GET", f"cloudfunctions/v2/{operation['name']}")[1]["done"] for _ in range(2)]
    assert polls == [False, True]
    assert call("GET", path)[1]["state"] == "ACTIVE"


def test_errors_come_as_often_as_the_script_says(cloud: FakeCloud, call: Any) -> None:
    cloud.faults.add(
        [
            Fault("POST", "/b$", times=2, status=403, reason="forbidden"),
            Fault("POST", "/b$", status=429, reason="rateLimitExceeded"),
            Fault("GET", "/b/models$", status=404),
        ]
    )
    made = [call("POST", "storage/v1/b", name="models") for _ in range(4)]
    assert [status for status, _ in made] == [403, 403, 429, 200]
    assert made[0][1]["error"]["errors"][0]["reason"] == "forbidden"
    assert [call("GET", "storage/v1/b/models")[0] for _ in range(2)] == [404, 200]
    assert [status for _, _, status in cloud.changes] == [403, 403, 429, 200]


def test_a_request_can_be_held(cloud: FakeCloud, call: Any) -> None:
    fault = Fault("POST", "/b$", hold=Event())
    cloud.faults.add([fault])
    thread = Thread(target=call, args=("POST", "storage/v1/b"), kwargs={"name": "models"})
    thread.start()
    assert fault.reached.wait(5)
    assert requests.get(f"{cloud.base}/storage/v1/b/models", timeout=5).status_code == 404
    cloud.faults.clear()
    thread.join(5)
    assert requests.get(f"{cloud.base}/storage/v1/b/models", timeout=5).status_code == 200


def test_a_policy_has_an_etag_and_members_that_exist(call: Any) -> None:
    path = "storage/v1/b/models/iam"
    call("POST", "storage/v1/b", name="models")
    member = "serviceAccount:runner@example-project.iam.gserviceaccount.com"
    first = call("GET", path)[1]
    bindings = [{"role": "roles/storage.objectViewer", "members": [member]}]
    assert call("PUT", path, etag=first["etag"], bindings=bindings)[0] == 400
    account(call)
    assert call("PUT", path, etag=first["etag"], bindings=bindings)[0] == 200
    status, told = call("PUT", path, etag=first["etag"], bindings=[])
    assert (status, told["error"]["errors"][0]["reason"]) == (409, "aborted")


def test_rights_of_a_deleted_account_are_not_those_of_a_new_one(call: Any) -> None:
    email = account(call)
    policy = {"bindings": [{"role": "roles/viewer", "members": [f"serviceAccount:{email}"]}]}
    path = f"cloudresourcemanager/v1/{P}"
    assert call("POST", f"{path}:setIamPolicy", policy=policy)[0] == 200
    call("DELETE", f"iam/v1/{P}/serviceAccounts/{email}")
    account(call)
    (binding,) = call("POST", f"{path}:getIamPolicy")[1]["bindings"]
    assert binding["members"][0].startswith(f"deleted:serviceAccount:{email}?uid=")


def test_googles_own_accounts_are_there(call: Any) -> None:
    storage_account = call("GET", f"storage/v1/{P}/serviceAccount")[1]["email_address"]
    members = [f"serviceAccount:{storage_account}"]
    key = f"cloudkms/v1/{PLACE}/keyRings/r/cryptoKeys"
    assert call("POST", f"{key}?cryptoKeyId=k", purpose="ENCRYPT_DECRYPT")[0] == 200
    policy = {
        "bindings": [{"role": "roles/cloudkms.cryptoKeyEncrypterDecrypter", "members": members}]
    }
    assert call("POST", f"{key}/k:setIamPolicy", policy=policy)[0] == 200


def test_an_api_that_is_not_enabled_refuses(call: Any) -> None:
    path = f"billingbudgets/v1/{P}/anything"
    status, told = call("GET", path)
    assert (status, told["error"]["errors"][0]["reason"]) == (403, "accessNotConfigured")
    name = "billingbudgets.googleapis.com"
    call("POST", f"serviceusage/v1/{P}/services:batchEnable", serviceIds=[name])
    listed = call("GET", f"serviceusage/v1/{P}/services?filter=state:ENABLED")[1]["services"]
    assert f"{P}/services/{name}" in {one["name"] for one in listed}
    assert call("GET", path)[0] == 501  # it answers now, and has no such method


def test_what_another_one_uses_can_neither_be_missing_nor_go(call: Any) -> None:
    links = f"compute/v1/{P}/global"
    backend = f"{P}/global/backendServices/digits"
    assert call("POST", f"{links}/urlMaps", name="edge", defaultService=backend)[0] == 404
    assert call("POST", f"{links}/backendServices", name="digits")[1]["status"] == "DONE"
    assert "error" not in call("POST", f"{links}/urlMaps", name="edge", defaultService=backend)[1]
    refused = call("DELETE", f"{links}/backendServices/digits")[1]
    assert refused["error"]["errors"][0]["code"] == "resourceInUseByAnotherResource"
    call("DELETE", f"{links}/urlMaps/edge")
    assert "error" not in call("DELETE", f"{links}/backendServices/digits")[1]


def test_compute_changes_one_field_by_a_method_of_its_own(call: Any) -> None:
    links = f"compute/v1/{P}/global"
    call("POST", f"{links}/urlMaps", name="edge")
    call("POST", f"{links}/targetHttpProxies", name="edge")
    call(
        "POST",
        f"compute/v1/{P}/targetHttpProxies/edge/setUrlMap",
        urlMap=f"{P}/global/urlMaps/edge",
    )
    assert call("GET", f"{links}/targetHttpProxies/edge")[1]["urlMap"] == f"{P}/global/urlMaps/edge"
    call("POST", f"{links}/securityPolicies", name="edge", rules=[{"priority": 1}])
    call("POST", f"{links}/securityPolicies/edge/addRule", priority=2, action="allow")
    call("POST", f"{links}/securityPolicies/edge/patchRule?priority=2", action="deny(403)")
    call("POST", f"{links}/securityPolicies/edge/removeRule?priority=1")
    rules = call("GET", f"{links}/securityPolicies/edge")[1]["rules"]
    assert rules == [{"priority": 2, "action": "deny(403)"}]


def test_an_old_fingerprint_is_refused(call: Any) -> None:
    path = f"compute/v1/{P}/global/sslPolicies"
    call("POST", path, name="edge", profile="MODERN")
    old = call("GET", f"{path}/edge")[1]["fingerprint"]
    assert call("PATCH", f"{path}/edge", profile="RESTRICTED", fingerprint=old)[0] == 200
    assert call("PATCH", f"{path}/edge", profile="MODERN", fingerprint=old)[0] == 412


def test_an_alert_needs_its_log_metric_and_its_channels(call: Any) -> None:
    filter_ = 'metric.type="logging.googleapis.com/user/errors" AND resource.type="x"'
    condition = {"conditionThreshold": {"filter": filter_}}
    path = f"monitoring/v3/{P}/alertPolicies"
    assert call("POST", path, conditions=[condition])[0] == 404
    call("POST", f"logging/v2/{P}/metrics", name="errors")
    status, made = call("POST", path, conditions=[condition])
    assert (status, made["name"].startswith(f"{P}/alertPolicies/")) == (200, True)
    assert call("DELETE", f"monitoring/v3/{made['name']}")[0] == 200


def test_a_call_past_the_fake_is_refused_and_noted(cloud: FakeCloud) -> None:
    with pytest.raises(requests.exceptions.ProxyError):
        requests.get("https://storage.invalid/", proxies={"https": cloud.base}, timeout=5)
    assert ("CONNECT", "storage.invalid:443", 403) in cloud.journal


def test_a_body_may_come_in_chunks(cloud: FakeCloud, call: Any) -> None:
    call("POST", "storage/v1/b", name="models")
    chunks = (b"--x\r\n\r\n{}\r\n--x\r\n\r\nzip", b"ped\r\n--x--\r\n")
    response = requests.post(
        f"{cloud.base}/upload/storage/v1/b/models/o?name=a%2Fb&uploadType=multipart",
        data=iter(chunks),
        headers={"Content-Type": "multipart/related; boundary=x"},
        timeout=5,
    )
    assert (response.json()["name"], response.json()["size"]) == ("a/b", "6")


def test_googles_own_client_of_cloud_storage_finds_a_bucket(cloud: FakeCloud) -> None:
    client = storage.Client(
        project="example-project",
        credentials=AnonymousCredentials(),  # type: ignore[no-untyped-call]
        client_options=ClientOptions(api_endpoint=cloud.base),
    )
    bucket = client.create_bucket("sources", location="europe-west1")
    with pytest.raises(Conflict):
        client.create_bucket("sources")
    content = bytes(range(256)) * 3 + b"\r\n\r\n"
    blob = bucket.blob("digits/function-0a1b.zip")
    blob.upload_from_string(content, content_type="application/zip", checksum="md5")
    assert blob.download_as_bytes() == content
    (listed,) = client.list_blobs("sources", prefix="digits/")
    assert (listed.name, listed.content_type) == ("digits/function-0a1b.zip", "application/zip")
    assert listed.generation == blob.generation
    with pytest.raises(Conflict):
        bucket.delete()
    blob.delete()
    bucket.delete()
    with pytest.raises(NotFound):
        client.get_bucket("sources")
    client.close()
