"""Whether the pipeline may do what `infra/` asks Google for: each call against the roles it has."""

from __future__ import annotations

import re

import pytest

from tests.support.places import INFRA, ROOT

ROLES_FILE = INFRA / "modules" / "delivery" / "roles.tf"
DOCUMENT = (ROOT / "docs" / "9-delivery.md").read_text(encoding="utf-8")


def each(prefix: str, *verbs: str) -> set[str]:
    return {f"{prefix}.{verb}" for verb in verbs}


CRUD = ("create", "delete", "get", "update")
POLICY = ("getIamPolicy", "setIamPolicy")
FIXED = ("create", "delete", "get")  # what cannot be changed is made anew
READS_PROJECT = {"resourcemanager.projects.get"}

NEEDED = {
    "google_artifact_registry_repository": each("artifactregistry.repositories", *CRUD),
    "google_billing_budget": each("billing.budgets", *CRUD),
    "google_cloud_run_v2_service": each("run.services", *CRUD)
    | {"run.operations.get", "iam.serviceAccounts.actAs"},
    "google_cloud_run_v2_service_iam_member": each("run.services", *POLICY),
    "google_cloudfunctions2_function": each("cloudfunctions.functions", *CRUD)
    | {"cloudfunctions.operations.get", "run.services.get", "iam.serviceAccounts.actAs"},
    "google_compute_backend_service": each("compute.backendServices", *CRUD, "setSecurityPolicy")
    | {"compute.regionNetworkEndpointGroups.use", "compute.securityPolicies.use"},
    "google_compute_global_address": each("compute.globalAddresses", *FIXED, "setLabels")
    | {"compute.globalOperations.get"},
    "google_compute_global_forwarding_rule": each(
        "compute.globalForwardingRules", *CRUD, "setTarget", "setLabels"
    )
    | {
        "compute.globalAddresses.use",
        "compute.targetHttpProxies.use",
        "compute.targetHttpsProxies.use",
    },
    "google_compute_managed_ssl_certificate": each("compute.sslCertificates", *FIXED),
    "google_compute_region_network_endpoint_group": each(
        "compute.regionNetworkEndpointGroups", *FIXED
    )
    | {"compute.regionOperations.get"},
    "google_compute_security_policy": each("compute.securityPolicies", *CRUD),
    "google_compute_ssl_policy": each("compute.sslPolicies", *CRUD),
    "google_compute_subnetwork_iam_member": each("compute.subnetworks", *POLICY),
    "google_compute_target_http_proxy": each("compute.targetHttpProxies", *FIXED, "setUrlMap")
    | {"compute.urlMaps.use"},
    "google_compute_target_https_proxy": each(
        "compute.targetHttpsProxies", *FIXED, "setSslCertificates", "setSslPolicy", "setUrlMap"
    ),
    "google_compute_url_map": each("compute.urlMaps", *CRUD) | {"compute.backendServices.use"},
    "google_kms_crypto_key_iam_member": each("cloudkms.cryptoKeys", *POLICY),
    "google_logging_metric": each("logging.logMetrics", *CRUD),
    # Those on log lines have a rule of Cloud Logging under them.
    "google_monitoring_alert_policy": each("monitoring.alertPolicies", *CRUD)
    | each("logging.notificationRules", *CRUD),
    "google_monitoring_custom_service": each("monitoring.services", *CRUD),
    "google_monitoring_dashboard": each("monitoring.dashboards", *CRUD),
    "google_monitoring_notification_channel": each("monitoring.notificationChannels", *CRUD),
    "google_monitoring_slo": each("monitoring.slos", *CRUD),
    "google_monitoring_uptime_check_config": each("monitoring.uptimeCheckConfigs", *CRUD),
    "google_project": READS_PROJECT,
    "google_project_iam_member": each("resourcemanager.projects", *POLICY),
    # It reads the project's number; nothing is ever disabled.
    "google_project_service": each("serviceusage.services", "enable", "get", "list")
    | {"serviceusage.operations.get"}
    | READS_PROJECT,
    "google_secret_manager_secret_iam_member": each("secretmanager.secrets", *POLICY),
    "google_service_account": each("iam.serviceAccounts", *CRUD),
    # A pipeline deletes no bucket: policy.sh would ask, and a person does it.
    "google_storage_bucket": each("storage.buckets", "create", "get", "update"),
    "google_storage_bucket_iam_member": each("storage.buckets", *POLICY),
    "google_storage_bucket_object": each("storage.objects", *CRUD),
    "google_storage_project_service_account": READS_PROJECT,
}
"""What the provider's calls need, by type of resource or data source.

Google names a permission beside each method of its APIs; the calls are those of the provider's
source.
"""

GOOGLES = {
    "roles/cloudfunctions.developer": each("cloudfunctions.functions", *CRUD)
    | each("run.services", *CRUD, "getIamPolicy")
    | {"cloudfunctions.operations.get", "resourcemanager.projects.get"},
    "roles/iam.serviceAccountUser": {"iam.serviceAccounts.actAs", "iam.serviceAccounts.get"},
    "roles/monitoring.editor": {
        permission
        for kind in (
            "alertPolicies",
            "dashboards",
            "notificationChannels",
            "services",
            "slos",
            "uptimeCheckConfigs",
        )
        for permission in each(f"monitoring.{kind}", *CRUD)
    },
    "roles/serviceusage.serviceUsageAdmin": each("serviceusage.services", "enable", "get", "list")
    | {"serviceusage.operations.get"},
    "roles/resourcemanager.projectIamAdmin": each("resourcemanager.projects", "get", *POLICY),
    "roles/storage.objectUser": each("storage.objects", *CRUD),
    "roles/artifactregistry.admin": each("artifactregistry.repositories", *CRUD),
    "roles/run.developer": each("run.services", *CRUD) | {"run.operations.get"},
    "roles/compute.loadBalancerAdmin": each(
        "compute.backendServices", *CRUD, "use", "setSecurityPolicy"
    )
    | each("compute.globalAddresses", *FIXED, "setLabels", "use")
    | each("compute.globalForwardingRules", *CRUD, "setTarget", "setLabels")
    | each("compute.regionNetworkEndpointGroups", *FIXED, "use")
    | each("compute.sslCertificates", *FIXED)
    | each("compute.sslPolicies", *CRUD, "use")
    | each("compute.targetHttpProxies", *FIXED, "setUrlMap", "use")
    | each(
        "compute.targetHttpsProxies",
        *FIXED,
        "setSslCertificates",
        "setSslPolicy",
        "setUrlMap",
        "use",
    )
    | each("compute.urlMaps", *CRUD, "use")
    | {"compute.globalOperations.get", "compute.regionOperations.get"},
    "roles/compute.securityAdmin": each("compute.securityPolicies", *CRUD, "use"),
    "roles/billing.costsManager": each("billing.budgets", *CRUD),
}
"""What of that is in Google's roles, as its reference of predefined roles lists them."""

OPTIONS = {
    "google_artifact_registry_repository": {"roles/artifactregistry.admin"},
    "google_billing_budget": {"roles/billing.costsManager"},
    "google_cloud_run_v2_service": {"roles/run.developer"},
    "google_compute_subnetwork_iam_member": {f"compute.subnetworks.{verb}" for verb in POLICY},
    "google_kms_crypto_key_iam_member": {f"cloudkms.cryptoKeys.{verb}" for verb in POLICY},
    "google_secret_manager_secret_iam_member": {f"secretmanager.secrets.{verb}" for verb in POLICY},
}
"""What `more_roles` or the billing account must give, for who uses the option."""

EDGE = {"roles/compute.loadBalancerAdmin", "roles/compute.securityAdmin"}


def asked_for() -> set[str]:
    """Types of resources and data sources that a pipeline applies."""
    bootstrap = [INFRA / "modules" / "delivery", INFRA / "bootstrap"]
    files = [path for path in INFRA.rglob("*.tf") if not set(bootstrap) & set(path.parents)]
    text = "".join(path.read_text(encoding="utf-8") for path in files)
    return set(re.findall(r'^(?:resource|data) "(google_\w+)"', text, re.MULTILINE))


def given() -> set[str]:
    """Permissions that every pipeline has."""
    text = ROLES_FILE.read_text(encoding="utf-8")
    (custom,) = re.findall(r"permissions = \[(.*?)\]", text, re.DOTALL)
    # Those of the pipeline: other accounts have blocks of their own.
    blocks = re.split(r"\n(?=resource|locals)", text)
    ours = "".join(block for block in blocks if "pipeline.member" in block or "roles = " in block)
    roles = set(re.findall(r'"(roles/[\w.]+)"', ours)) & GOOGLES.keys()
    own = set(re.findall(r'"([a-z]+\.\w+\.\w+)"', custom))
    return own.union(*(GOOGLES[role] for role in roles))


@pytest.mark.parametrize("resource", sorted(NEEDED))
def test_the_pipeline_may_make_change_and_delete_it(resource: str) -> None:
    edge = EDGE if resource.startswith("google_compute_") else set()
    more = OPTIONS.get(resource, edge)
    for name in more:
        parts = [name] if name in GOOGLES else name.rsplit(".", 1)
        assert all(part in DOCUMENT for part in parts), f"docs/9-delivery.md: {resource}: {name}"
    has = given().union(*(GOOGLES.get(name, {name}) for name in more))
    assert NEEDED[resource] - has == set()


def test_every_call_of_infra_is_in_the_table() -> None:
    assert asked_for() - NEEDED.keys() == set()
