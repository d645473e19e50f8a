# Copy and edit. `docker buildx imagetools inspect python:3.12` tells what DIGEST is, after `sha256:`,
# and `gh api repos/OWNER/NAME --jq '.id, .owner.id'` the numbers of the repository and its owner.
#
# `github` is for GitHub Actions and `trigger` for Cloud Build: take the other one out.
environments = {
  staging = {
    project_id = "example-staging"
    github     = { repository_id = "123456789", owner_id = "1234567", ref = "refs/heads/main" }

    # Only if there is a bucket example-staging-terraform, made by hand as in docs/7-deploy.md.
    # import_state = true

    trigger = {
      repository = "projects/example-staging/locations/europe-west1/connections/github/repositories/tflite-functions"
      branch     = "^main$"
      images = {
        python    = "python:3.12@sha256:DIGEST"
        gcloud    = "google/cloud-sdk:stable@sha256:DIGEST"
        terraform = "hashicorp/terraform:1.11.4@sha256:DIGEST"
      }
      # Git holds no trained model: docs/9-delivery.md uploads this one, and each run fetches it.
      substitutions = {
        _SOURCES    = "gs://example-staging-delivery/sources/digits"
        _EXPORT_SET = "model.source=../../build/delivery/sources/digits.keras"
      }
    }
  }
  prod = {
    project_id  = "example-prod"
    from        = "staging"
    github      = { repository_id = "123456789", owner_id = "1234567", ref = "refs/tags/v*" }
    approvers   = { releases = "group:releases@example.com" }
    rollbackers = { on_call = "group:on-call@example.com" }
    signing     = true
    trigger = {
      repository        = "projects/example-prod/locations/europe-west1/connections/github/repositories/tflite-functions"
      tag               = "^v"
      approval_required = true
      images = {
        python    = "python:3.12@sha256:DIGEST"
        gcloud    = "google/cloud-sdk:stable@sha256:DIGEST"
        terraform = "hashicorp/terraform:1.11.4@sha256:DIGEST"
      }
      substitutions = { _ALIAS = "production" }
    }
  }
}
