# What the pipeline may do, role by role; docs/9-delivery.md says why.

locals {
  roles = setunion(
    [
      "roles/cloudbuild.builds.viewer",
      "roles/cloudfunctions.developer",
      "roles/iam.serviceAccountUser",
      "roles/logging.logWriter",
      "roles/monitoring.editor",
      "roles/serviceusage.serviceUsageAdmin",
    ],
    var.more_roles,
  )

  # A bucket and what is in it, and none whose name begins with its own.
  in_bucket = {
    for kind in ["models", "sources"] : kind => join(" || ", [
      "resource.name == \"projects/_/buckets/${local.bucket_prefix}-${kind}\"",
      "resource.name.startsWith(\"projects/_/buckets/${local.bucket_prefix}-${kind}/\")",
    ])
  }

  # Buckets of infra/ and no others: neither the state, nor anybody else's.
  own_buckets = join(" || ", [
    "(resource.type != \"storage.googleapis.com/Bucket\" && resource.type != \"storage.googleapis.com/Object\")",
    local.in_bucket["models"],
    local.in_bucket["sources"],
  ])
}

resource "google_project_iam_member" "pipeline" {
  for_each = local.roles

  project = var.project_id
  role    = each.value
  member  = google_service_account.pipeline.member
}

# Google's own roles for this would also let the pipeline read and delete every object, hand out its
# accounts, or deploy any service.
resource "google_project_iam_custom_role" "pipeline" {
  project     = var.project_id
  role_id     = "delivery_${var.environment}"
  title       = "Delivery to ${var.environment}"
  description = "Makes the buckets, accounts, log metrics and log alerts of infra/, and says who may read or call what."
  permissions = [
    "iam.serviceAccounts.create",
    "iam.serviceAccounts.delete",
    "iam.serviceAccounts.get",
    "iam.serviceAccounts.list",
    "iam.serviceAccounts.update",
    "logging.logMetrics.create",
    "logging.logMetrics.delete",
    "logging.logMetrics.get",
    "logging.logMetrics.list",
    "logging.logMetrics.update",
    # Cloud Monitoring makes one for each alert on log lines, as whoever makes the alert.
    "logging.notificationRules.create",
    "logging.notificationRules.delete",
    "logging.notificationRules.get",
    "logging.notificationRules.list",
    "logging.notificationRules.update",
    "run.services.get",
    "run.services.getIamPolicy",
    "run.services.setIamPolicy",
    "storage.buckets.create",
    "storage.buckets.get",
    "storage.buckets.getIamPolicy",
    "storage.buckets.setIamPolicy",
    "storage.buckets.update",
  ]

  depends_on = [google_project_service.needed]
}

resource "google_project_iam_member" "own" {
  project = var.project_id
  role    = google_project_iam_custom_role.pipeline.id
  member  = google_service_account.pipeline.member

  condition {
    title       = "own buckets"
    description = "Of buckets, those of infra/ alone."
    expression  = local.own_buckets
  }
}

# Bundles. Models are published with the rights that infra/ gives its `publishers`.
resource "google_project_iam_member" "sources" {
  project = var.project_id
  role    = "roles/storage.objectUser"
  member  = google_service_account.pipeline.member

  condition {
    title       = "bundles only"
    description = "The zips that functions are built from."
    expression  = local.in_bucket["sources"]
  }
}

# infra/ gives roles to the accounts that it makes. The pipeline can give these to anybody, and no other
# role on the project to anybody, itself included.
resource "google_project_iam_member" "grants" {
  project = var.project_id
  role    = "roles/resourcemanager.projectIamAdmin"
  member  = google_service_account.pipeline.member

  condition {
    title       = "these roles only"
    description = "What builds of functions need."
    expression  = "api.getAttribute(\"iam.googleapis.com/modifiedGrantsByRole\", []).hasOnly(${jsonencode(sort(var.grantable_roles))})"
  }
}

# The state of infra/, and not that of infra/bootstrap, should it be in the same bucket.
resource "google_storage_bucket_iam_member" "state" {
  bucket = google_storage_bucket.bucket[local.state_bucket].name
  role   = "roles/storage.objectUser"
  member = google_service_account.pipeline.member

  condition {
    title      = "state of infra only"
    expression = "resource.type == \"storage.googleapis.com/Bucket\" || resource.name.startsWith(\"projects/_/buckets/${local.state_bucket}/objects/tflite-functions/\")"
  }
}

resource "google_storage_bucket_iam_member" "kept" {
  bucket = google_storage_bucket.bucket[local.kept_bucket].name
  role   = "roles/storage.objectUser"
  member = google_service_account.pipeline.member
}

# Identity tokens, and no access tokens: the pipeline can show the account to a function.
resource "google_service_account_iam_member" "token" {
  service_account_id = google_service_account.smoke.name
  role               = "roles/iam.serviceAccountOpenIdTokenCreator"
  member             = google_service_account.pipeline.member
}

resource "google_project_iam_member" "smoke" {
  project = var.project_id
  role    = "roles/run.invoker"
  member  = google_service_account.smoke.member
}

resource "google_project_iam_member" "approver" {
  for_each = var.approvers

  project = var.project_id
  role    = "roles/cloudbuild.builds.approver"
  member  = each.value
}
