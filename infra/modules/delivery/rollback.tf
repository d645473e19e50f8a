# Who takes a release back at once: no approval holds it, because what it moves an alias to was
# approved and released before. The account replaces aliases and reads models. That an alias names a
# former version is delivery/rollback.py's check, not IAM's.

locals {
  rollback = "${var.environment}-rollback"

  aliases = join(" && ", [
    "resource.name.startsWith(\"projects/_/buckets/${local.bucket_prefix}-models/objects/\")",
    "resource.name.extract(\"/aliases/{name}.json\") != \"\"",
    "resource.name.extract(\"/aliases/{name}.json/\") == \"\"",
    "resource.name.endsWith(\".json\")",
    "resource.name.extract(\"/versions/{rest}\") == \"\"",
  ])
}

resource "google_service_account" "rollback" {
  project      = var.project_id
  account_id   = "rollback-${var.environment}"
  display_name = "Rollback in ${var.environment}"
  description  = "Replaces aliases, and reads models."

  depends_on = [google_project_service.needed]
}

resource "google_project_iam_member" "rollback_log" {
  project = var.project_id
  role    = "roles/logging.logWriter"
  member  = google_service_account.rollback.member
}

resource "google_project_iam_member" "rollback_reads" {
  project = var.project_id
  role    = "roles/storage.objectViewer"
  member  = google_service_account.rollback.member

  condition {
    title       = "models only"
    description = "What there is to go back to."
    expression  = local.in_bucket["models"]
  }
}

resource "google_project_iam_member" "rollback_moves" {
  project = var.project_id
  role    = "roles/storage.objectUser"
  member  = google_service_account.rollback.member

  condition {
    title       = "aliases only"
    description = "Versions are created once and never changed."
    expression  = local.aliases
  }
}

# A trigger of its own, which nothing starts but a person, and nothing holds back.
resource "google_cloudbuild_trigger" "rollback" {
  count = var.trigger == null ? 0 : 1

  project            = var.project_id
  location           = local.trigger_location
  name               = "rollback-${var.environment}"
  description        = "cloudbuild-rollback.yaml in ${var.environment}"
  service_account    = google_service_account.rollback.id
  include_build_logs = "INCLUDE_BUILD_LOGS_WITH_STATUS"

  source_to_build {
    repository = var.trigger.repository
    ref        = "refs/heads/${var.trigger.main}"
    repo_type  = "GITHUB"
  }

  git_file_source {
    path       = "cloudbuild-rollback.yaml"
    repository = var.trigger.repository
    revision   = "refs/heads/${var.trigger.main}"
    repo_type  = "GITHUB"
  }

  substitutions = merge(
    {
      _ENVIRONMENT  = var.environment
      _REGISTRY     = local.registry
      _PYTHON_IMAGE = var.trigger.images.python
    },
    { for name, value in var.trigger.substitutions : name => value if contains(["_RECIPE", "_EXPORT_SET", "_REGISTRY", "_ALIAS"], name) },
  )

  depends_on = [google_project_iam_member.rollback_log]
}

# Whoever may start builds of a project may start each of its triggers, and a trigger runs as its own
# account: so the delivery waits for an approval where there are rollbackers.
resource "google_project_iam_custom_role" "rollback" {
  count = var.trigger == null ? 0 : 1

  project     = var.project_id
  role_id     = "rollback_${var.environment}"
  title       = "Rollback in ${var.environment}"
  description = "Starts the trigger that takes a release back."
  permissions = ["cloudbuild.builds.create", "cloudbuild.builds.get", "cloudbuild.builds.list"]

  depends_on = [google_project_service.needed]
}

resource "google_project_iam_member" "rollbacker" {
  for_each = var.trigger == null ? {} : var.rollbackers

  project = var.project_id
  role    = google_project_iam_custom_role.rollback[0].id
  member  = each.value
}

resource "google_service_account_iam_member" "rollbacker" {
  for_each = var.rollbackers

  service_account_id = google_service_account.rollback.name
  role               = "roles/iam.serviceAccountUser"
  member             = each.value
}

resource "google_service_account_iam_member" "github_rollback" {
  count = var.github == null ? 0 : 1

  service_account_id = google_service_account.rollback.name
  role               = "roles/iam.workloadIdentityUser"
  member             = "principalSet://iam.googleapis.com/${google_iam_workload_identity_pool.github[0].name}/attribute.environment/${local.rollback}"
}
