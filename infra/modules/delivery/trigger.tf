# What starts the pipeline on Cloud Build, with cloudbuild.yaml of the commit that is delivered.

locals {
  # A trigger is where its repository's connection is, which need not be where functions are.
  trigger_location = var.trigger == null ? null : split("/", var.trigger.repository)[3]
}

resource "google_cloudbuild_trigger" "delivery" {
  count = var.trigger == null ? 0 : 1

  project            = var.project_id
  location           = local.trigger_location
  name               = "delivery-${var.environment}"
  description        = "cloudbuild.yaml to ${var.environment}"
  filename           = "cloudbuild.yaml"
  service_account    = google_service_account.pipeline.id
  include_build_logs = "INCLUDE_BUILD_LOGS_WITH_STATUS"

  # A commit that changes nothing but prose delivers nothing; a tag is a decision, and always does.
  ignored_files = var.trigger.branch == null ? null : ["**/*.md", "docs/**"]

  repository_event_config {
    repository = var.trigger.repository
    push {
      branch = var.trigger.branch
      tag    = var.trigger.tag
    }
  }

  approval_config {
    approval_required = var.trigger.approval_required
  }

  substitutions = merge(
    {
      _ENVIRONMENT     = var.environment
      _REGION          = var.region
      _REGISTRY        = local.registry
      _STATE_BUCKET    = local.state_bucket
      _DELIVERY_BUCKET = local.kept_bucket
      _PYTHON_IMAGE    = var.trigger.images.python
      _GCLOUD_IMAGE    = var.trigger.images.gcloud
      _TERRAFORM_IMAGE = var.trigger.images.terraform
      _SIGNING_KEY     = local.signing_key
    },
    var.trigger.substitutions,
  )

  # A build that starts before it may write its log fails without one.
  depends_on = [google_project_iam_member.pipeline]
}
