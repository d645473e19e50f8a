# What lets GitHub Actions be the pipeline, without a key: one repository, one ref, one environment.
# A name can be given to another repository once its owner gives it up, and a number never.

resource "google_iam_workload_identity_pool" "github" {
  count = var.github == null ? 0 : 1

  project                   = var.project_id
  workload_identity_pool_id = "github-${var.environment}"
  display_name              = "GitHub, ${var.environment}"

  depends_on = [google_project_service.needed]
}

locals {
  # refs/tags/v* means every ref that begins so.
  ref_condition = var.github == null ? null : (
    endswith(var.github.ref, "*")
    ? "assertion.ref.startsWith(\"${trimsuffix(var.github.ref, "*")}\")"
    : "assertion.ref == \"${var.github.ref}\""
  )
}

resource "google_iam_workload_identity_pool_provider" "github" {
  #checkov:skip=CKV_GCP_125:It looks at the subject alone, which organisations can redefine; the condition names repository, owner, ref and environment by claims of their own.
  count = var.github == null ? 0 : 1

  project                            = var.project_id
  workload_identity_pool_id          = google_iam_workload_identity_pool.github[0].workload_identity_pool_id
  workload_identity_pool_provider_id = "github"
  display_name                       = "GitHub Actions"

  attribute_mapping = {
    "google.subject"        = "assertion.sub"
    "attribute.environment" = "assertion.environment"
  }

  # The environment is where GitHub asks its reviewers: without it in here, any workflow of that ref
  # would do.
  attribute_condition = join(" && ", [
    "assertion.repository_id == \"${var.github.repository_id}\"",
    "assertion.repository_owner_id == \"${var.github.owner_id}\"",
    local.ref_condition,
    "assertion.environment in ${jsonencode([var.environment, local.rollback])}",
  ])

  oidc {
    issuer_uri = "https://token.actions.githubusercontent.com"
  }
}

resource "google_service_account_iam_member" "github" {
  count = var.github == null ? 0 : 1

  service_account_id = google_service_account.pipeline.name
  role               = "roles/iam.workloadIdentityUser"
  member             = "principalSet://iam.googleapis.com/${google_iam_workload_identity_pool.github[0].name}/attribute.environment/${var.environment}"
}
